import { ApiError, type BatchRequest, type Client } from '@slipway/client';
import type { PriorityClass } from '@slipway/shared/contracts';
import { count, formatBytes } from '@slipway/shared/formatting';
import { watchBatch } from '../batch/watch.js';
import { Interrupted, Interruption } from '../build/interruption.js';
import { type BuildOptionFlags, requestedOptions } from '../build-options/options.js';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { type PullOptions, puller } from '../pull/options.js';
import { keyOfServer, sealFiles } from '../secrets/seal-files.js';
import type { TagMode } from '../stack/image-name.js';
import type { Part } from '../stack/layers.js';
import { type Plan, planStack } from '../stack/plan.js';
import { findStackFile } from '../stack/stack-path.js';
import type { Terminal } from '../terminal/terminal.js';
import { type VcsOptions, vcsOf } from '../vcs/vcs.js';
import { showPlan } from './dry-run.js';
import { missingSources, sourceOf, sourcesOf, templatesOf, uploadSources } from './upload.js';

export interface PublishOptions extends CommonOptions, VcsOptions, BuildOptionFlags, PullOptions {
  readonly yaml?: string;
  readonly envsubst: boolean;
  readonly filter?: string;
  readonly regex?: string;
  readonly tag: TagMode;
  /** Tags without a repository. */
  readonly extraTag?: readonly string[];
  /** Path of the Dockerfile in each build context. */
  readonly dockerfile?: string;
  /** Same as `imageLabel`. */
  readonly buildLabel?: Readonly<Record<string, string>>;
  readonly buildArg?: Readonly<Record<string, string>>;
  readonly buildOption?: readonly string[];
  readonly copyExtra?: readonly string[];
  readonly platforms?: readonly string[];
  /** Limit of concurrently running jobs of the batch. */
  readonly parallel?: number;
  readonly skipUnchanged?: boolean;
  readonly force?: boolean;
  readonly onFailure: 'continue' | 'stop';
  readonly priority: PriorityClass;
  readonly label?: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly timeout?: number;
  readonly push: boolean;
  readonly callback?: string;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** Builds the functions of a stack.yaml as one batch: plans, uploads what is new, submits, and watches it to its end. */
export async function publish(options: PublishOptions, context: CommandContext): Promise<ExitCode> {
  const { terminal, env } = context;
  const vcs = vcsOf(options, env);
  const say = stepLine(terminal, options);
  const interruption = new Interruption();
  try {
    const { signal } = interruption;
    const folder = process.cwd();
    const plan = await planStack({
      ...{ ...planOptions(options), env, folder },
      pull: puller({ options, folder, env, signal, say }),
    });
    const client = await connect({ options, env });
    sayPlan(plan, say);
    const parts = [...sourcesOf(plan.functions), ...templatesOf(plan.functions)];
    const missing = await missingSources({ parts, client, signal });
    if (options.dryRun) {
      const request = requestOf({ plan, options, env, vcs, digests: new Map(), sealed: new Map() });
      // The server validates the rest, as far as it can without the missing sources.
      if (missing.length === 0) await withNames(plan, () => client.planBatch({ batch: request, signal }));
      showPlan({ plan, missing, terminal, json: options.json ?? false });
      return exitCodes.ok;
    }
    const digests = await upload({ missing, plan, client, signal, terminal, say });
    const batch = requestOf({
      plan,
      options,
      env,
      vcs,
      digests,
      sealed: await sealSecretsOf(plan, client, signal),
    });
    const { id } = await interruption.shield(() => withNames(plan, () => client.submitBatch({ batch })));
    const page = `${client.url}/batches/${id}`;
    if (options.detach) {
      terminal.out.line(options.json ? JSON.stringify({ type: 'submitted', batch: id }) : id);
      say('page', page);
      say('follow it', `slipway batch watch ${id}`);
      return exitCodes.ok;
    }
    if (options.json) terminal.out.line(JSON.stringify({ type: 'submitted', batch: id }));
    say('batch', id);
    say('page', page);
    const { json = false, quiet = false } = options;
    return await watchBatch({ id, client, terminal, json, quiet, interruption, interrupt: 'cancel' });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    terminal.err.line(error.message);
    return exitCodes.failed;
  } finally {
    interruption.close();
  }
}

function planOptions(options: PublishOptions) {
  const { yaml, envsubst, filter, regex, tag, buildArg, buildOption, copyExtra, platforms } = options;
  const { buildLabel, imageLabel, extraTag = [] } = options;
  const labels = (buildLabel || imageLabel) && { imageLabel: { ...buildLabel, ...imageLabel } };
  return {
    ...{ options: requestedOptions({ ...options, ...labels }), extraTags: extraTag },
    ...{ file: findStackFile(yaml), envsubst, filter, regex, tag, platforms },
    ...{ buildArgs: buildArg ?? {}, buildOptions: buildOption ?? [], copy: copyExtra ?? [] },
  };
}

type Say = (step: string, text: string) => void;

/** Returns a function that prints a line for each step before the batch, unless `--quiet` or `--json` is given. */
function stepLine({ err }: Terminal, { quiet = false, json = false }: PublishOptions): Say {
  if (quiet || json) return () => undefined;
  return (step, text) => err.line(`${err.style('bold', step.padEnd(10))} ${text}`);
}

function sayPlan({ functions, skipped }: Plan, say: Say): void {
  const parts = [...functions.map(sourceOf), ...templatesOf(functions)];
  const total = parts.reduce((sum, { source }) => sum + source.bytes, 0);
  say('stack', `${count(functions.length, 'function')}, ${formatBytes(total)} of sources`);
  if (skipped.length > 0) say('left out', `${skipped.join(', ')} (skip_build)`);
}

interface UploadStep {
  readonly missing: readonly Part[];
  readonly plan: Plan;
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly say: Say;
}

async function upload({ missing, plan, client, signal, terminal, say }: UploadStep) {
  const templates = new Set(templatesOf(plan.functions).map(({ source: { digest } }) => digest));
  const missingTemplates = missing.filter(({ source: { digest } }) => templates.has(digest)).length;
  const uploaded = missing.length - missingTemplates;
  const there = sourcesOf(plan.functions).length - uploaded;
  const { err } = terminal;
  const digests = await uploadSources({
    ...{ parts: missing, client, signal },
    onUploaded: (done) => {
      if (err.isTty)
        err.write(`\r\u001b[2K${done === missing.length ? '' : `uploading ${done} of ${missing.length}`}`);
    },
  });
  const sent = missing.reduce((sum, { source }) => sum + source.bytes, 0);
  const laid = missingTemplates > 0 ? `, ${count(missingTemplates, 'template')}` : '';
  const rest = there > 0 ? `, ${there} there already` : '';
  say('sources', `${uploaded} uploaded${laid}${missing.length > 0 ? ` (${formatBytes(sent)})` : ''}${rest}`);
  return digests;
}

interface RequestOf extends Pick<CommandContext, 'env'> {
  readonly plan: Plan;
  readonly options: PublishOptions;
  readonly vcs: ReturnType<typeof vcsOf>;
  /** Digests that the server computed, where they differ from the expected ones. */
  readonly digests: ReadonlyMap<string, string>;
  /** Sealed build secrets by function name. */
  readonly sealed: ReadonlyMap<string, string>;
}

/** Seals the build secrets of the functions that have any. */
async function sealSecretsOf(
  { functions }: Plan,
  client: Client,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const sealed = new Map<string, string>();
  const having = functions.filter(({ secrets }) => Object.keys(secrets).length > 0);
  if (having.length === 0) return sealed;
  const publicKey = await keyOfServer(client, signal);
  for (const { name, secrets } of having) {
    sealed.set(name, await sealFiles({ files: secrets, folder: process.cwd(), publicKey }));
  }
  return sealed;
}

function requestOf({ plan, options, env, vcs, digests, sealed }: RequestOf): Omit<BatchRequest, 'dry_run'> {
  const secret = env.SLIPWAY_CALLBACK_SECRET || undefined;
  const { label = {}, timeout, callback, parallel } = options;
  const digestOf = ({ source: { digest } }: Part) => digests.get(digest) ?? digest;
  return {
    on_failure: options.onFailure,
    ...(parallel !== undefined && { max_running: parallel }),
    labels: label,
    ...(callback !== undefined && {
      callback: { url: callback, ...(secret !== undefined && { secret }) },
    }),
    defaults: {
      push: options.push,
      priority: options.priority,
      labels: label,
      ...(timeout !== undefined && { timeout }),
      ...(options.skipUnchanged && { skip_if_unchanged: true }),
      ...(options.force && { force: true }),
      ...(vcs && { vcs }),
    },
    items: plan.functions.map((fn) => ({
      function: fn.function,
      image: fn.image,
      source: { digest: digestOf(sourceOf(fn)) },
      ...(fn.layers && {
        laid_over: {
          name: fn.layers.template.name,
          digest: digestOf(fn.layers.template),
          handler_folder: fn.layers.template.handlerFolder,
        },
      }),
      build_args: fn.buildArgs,
      ...(fn.platforms.length > 0 && { platforms: fn.platforms }),
      ...(fn.tags && { tags: fn.tags }),
      ...fn.options,
      ...(sealed.has(fn.name) && { secrets: sealed.get(fn.name) }),
    })),
  };
}

/** Replaces the item number in errors of the server by the function's name. */
async function withNames<T>({ functions }: Plan, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const errors = error.errors.map(({ path, message }) => {
      const [, index, rest = ''] = /^\/items\/(\d+)(.*)$/.exec(path) ?? [];
      const fn = index === undefined ? undefined : functions[Number(index)];
      return { path: fn ? `${fn.name}${rest.replaceAll('/', ' ')}` : path, message };
    });
    const { code, status, detail, remedy, retryAfter } = error;
    throw new ApiError({ code, status, detail, remedy, retryAfter, errors });
  }
}
