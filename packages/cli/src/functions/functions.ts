import type { Client, FunctionView } from '@slipway/client';
import { formatDuration, shortDigest } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { optionFacts, pairs } from '../jobs/option-facts.js';
import { styledState } from '../jobs/outcome.js';
import { age, shown, table } from '../terminal/text.js';

export interface ListFunctionsOptions extends CommonOptions {
  readonly namespace?: string;
  readonly name?: string;
  readonly template?: string;
  readonly baseImage?: string;
  readonly label?: Readonly<Record<string, string>>;
}

const page = 200;

/** Lists functions. */
export async function listFunctions(
  options: ListFunctionsOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const functions = await allFunctions(client, options);
  if (options.json) out.line(JSON.stringify(functions));
  else if (functions.length === 0) err.line('No functions.');
  else {
    const rows = functions.map((view) => [
      ...[view.name, view.spec.image, view.spec.template?.name ?? '-'],
      shown(view.base_images.join(' ')) || '-',
      view.last_success ? `${age(view.last_success.finished_at)} ago` : 'never',
    ]);
    for (const row of table([['FUNCTION', 'IMAGE', 'TEMPLATE', 'BASE IMAGES', 'LAST BUILT'], ...rows]))
      out.line(row);
  }
  return exitCodes.ok;
}

async function allFunctions(client: Client, options: ListFunctionsOptions): Promise<FunctionView[]> {
  const { namespace, name, template, baseImage, label = {} } = options;
  const labels = Object.entries(label).map(([key, value]) => `${key}=${value}`);
  const query = {
    limit: page,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(template !== undefined && { template }),
    ...(baseImage !== undefined && { base_image: baseImage }),
    ...(labels.length > 0 && { label: labels }),
  };
  const found: FunctionView[] = [];
  let cursor: string | undefined;
  do {
    const answer = await client.listFunctions({
      query: { ...query, ...(cursor !== undefined && { cursor }) },
    });
    found.push(...answer.functions);
    cursor = answer.next_cursor;
  } while (cursor !== undefined);
  return found;
}

/** Shows one function: its job spec and the results of its last jobs. */
export async function showFunction(
  full: string,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const view = await client.getFunction(namesOf(full));
  if (options.json) {
    out.line(JSON.stringify(view));
    return exitCodes.ok;
  }
  const { spec, last_success: good } = view;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['image', spec.image],
    ['source', spec.source.digest],
    ['template', spec.template && `${spec.template.name} (${shortDigest(spec.template.digest)})`],
    ['build args', pairs(spec.build_args)],
    ...optionFacts(spec),
    ['platforms', spec.platforms?.join(', ') || undefined],
    ['labels', pairs(spec.labels)],
    ['base images', view.base_images.join(', ') || undefined],
    ['last good', good?.result.digest && `${good.result.digest}, ${good.finished_at}`],
  ];
  out.line(view.name);
  const rows = facts.flatMap(([name, value]) => (value === undefined ? [] : [[`  ${name}`, shown(value)]]));
  for (const row of table(rows)) out.line(row);
  const history = (view.history ?? []).map((job) => [
    ...[`  ${job.job}`, styledState(out, job.state)],
    `${age(job.created_at)} ago`,
    job.duration_ms === undefined ? '-' : formatDuration(job.duration_ms),
    job.code ?? (job.digest === undefined ? '' : shortDigest(job.digest)),
  ]);
  if (history.length > 0) {
    out.line();
    for (const row of table([['  JOB', 'STATE', 'WHEN', 'TOOK', ''], ...history])) out.line(row);
  }
  return exitCodes.ok;
}

const defaultNamespace = 'openfaas-fn';

function namesOf(full: string): { namespace: string; name: string } {
  const [first = '', second, ...rest] = full.split('/');
  if (first === '' || second === '' || rest.length > 0) {
    throw new CommandError({ message: `'${full}' is not name or namespace/name`, exitCode: exitCodes.usage });
  }
  return second === undefined
    ? { namespace: defaultNamespace, name: first }
    : { namespace: first, name: second };
}
