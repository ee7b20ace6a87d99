import type { RebuildPlan, RebuildRequest } from '@slipway/client';
import type { PriorityClass } from '@slipway/shared/contracts';
import { count } from '@slipway/shared/formatting';
import { submitted } from '../batch/commands.js';
import { type BuildOptionFlags, requestedOptions } from '../build-options/options.js';
import { startedCampaign } from '../campaigns/commands.js';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Screen, Terminal } from '../terminal/terminal.js';
import { shown, table } from '../terminal/text.js';

export interface RebuildOptions extends CommonOptions, BuildOptionFlags {
  readonly namespace?: string;
  readonly name?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly template?: string;
  readonly baseImage?: string;
  readonly behind?: boolean;
  readonly image?: string;
  /** Further references, with the placeholders of `image`. */
  readonly tag?: readonly string[];
  /** The Dockerfile in the source of each function. */
  readonly file?: string;
  readonly value?: Readonly<Record<string, string>>;
  readonly buildArg?: Readonly<Record<string, string>>;
  readonly setLabel?: Readonly<Record<string, string>>;
  readonly sameTemplate?: boolean;
  readonly priority: PriorityClass;
  readonly skipUnchanged?: boolean;
  readonly parallel?: number;
  readonly onFailure: 'continue' | 'stop';
  readonly callback?: string;
  /** Number of functions of the first wave. With this or `wave` the rebuild is a campaign. */
  readonly canary?: number;
  /** Size of the other waves: a number, or a share such as `25%`. */
  readonly wave?: number | string;
  readonly maxFailures?: number;
  /** ISO 8601. */
  readonly finishBy?: string;
  readonly onlyChanged?: boolean;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** Rebuilds functions as one batch, and shows it to its end, or as a campaign. With `dryRun` it shows the plan with reasons. */
export async function rebuild(
  names: readonly string[],
  options: RebuildOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { terminal, env } = context;
  const request = requestOf(names, options, env);
  const client = await connect({ options, env });
  if (options.dryRun) {
    const plan = await client.planRebuild({ rebuild: request });
    if (options.json) terminal.out.line(JSON.stringify(plan));
    else showPlan(plan, terminal);
    return exitCodes.ok;
  }
  const { waves } = request;
  if (waves) {
    const plan = await client.startCampaign({ rebuild: { ...request, waves } });
    if (!options.json && !options.quiet) sayLeftOut(plan, terminal.err);
    return startedCampaign(plan.campaign, options, terminal);
  }
  const plan = await client.submitRebuild({ rebuild: request });
  if (!options.json && !options.quiet) {
    const { err } = terminal;
    err.line(`${err.style('bold', 'rebuild'.padEnd(10))} ${count(plan.functions.length, 'function')}`);
  }
  if (!options.json) sayLeftOut(plan, terminal.err);
  return submitted({ batch: plan.batch, client, options, context });
}

function requestOf(
  names: readonly string[],
  options: RebuildOptions,
  env: CommandContext['env'],
): Omit<RebuildRequest, 'dry_run'> {
  const { namespace, name, label, template, baseImage, image, tag, file, callback, parallel } = options;
  const secret = env.SLIPWAY_CALLBACK_SECRET || undefined;
  const select = {
    ...(names.length > 0 && { functions: [...names] }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(label && { labels: label }),
    ...(template !== undefined && { template }),
    ...(baseImage !== undefined && { base_image: baseImage }),
    ...(options.behind && { behind: true as const }),
  };
  if (Object.keys(select).length === 0) {
    throw new CommandError({
      message: 'no functions are selected',
      remedy:
        'Name them, or select them with --base-image, --behind, --template, --namespace, --name or --label; `--name "*"` is all.',
      exitCode: exitCodes.usage,
    });
  }
  return {
    select,
    ...(image !== undefined && { image }),
    ...(tag && { tags: [...tag] }),
    ...requestedOptions({ ...options, ...(file !== undefined && { dockerfile: file }) }),
    values: options.value ?? {},
    build_args: options.buildArg ?? {},
    labels: options.setLabel ?? {},
    template: options.sameTemplate ? 'same' : 'current',
    priority: options.priority,
    skip_if_unchanged: options.skipUnchanged ?? false,
    on_failure: options.onFailure,
    ...(parallel !== undefined && { max_running: parallel }),
    ...campaignFields(options),
    ...(callback !== undefined && { callback: { url: callback, ...(secret !== undefined && { secret }) } }),
  };
}

function campaignFields({ canary, wave, maxFailures, finishBy, onlyChanged }: RebuildOptions) {
  return {
    ...((canary !== undefined || wave !== undefined) && {
      waves: { size: wave ?? '100%', ...(canary !== undefined && { canary }) },
    }),
    ...(maxFailures !== undefined && { max_failures: maxFailures }),
    ...(finishBy !== undefined && { finish_by: finishBy }),
    ...(onlyChanged && { only_changed: true }),
  };
}

function showPlan(plan: RebuildPlan, { out, err }: Terminal): void {
  const inWaves = plan.functions.some(({ wave }) => wave !== undefined);
  const rows = plan.functions.map(({ function: name, image, reasons, wave }) => [
    ...(inWaves ? [String(wave)] : []),
    ...[name, image, shown(reasons.join('; '))],
  ]);
  for (const row of table([[...(inWaves ? ['WAVE'] : []), 'FUNCTION', 'IMAGE', 'WHY'], ...rows]))
    out.line(row);
  sayLeftOut(plan, err);
  err.line(`Nothing was submitted. ${count(plan.functions.length, 'function')} would be built.`);
}

function sayLeftOut(plan: RebuildPlan, err: Screen): void {
  for (const { function: name, code, reason } of plan.left_out) {
    err.line(`${err.style('yellow', 'left out')}   ${name}: ${code}: ${shown(reason)}`);
  }
}
