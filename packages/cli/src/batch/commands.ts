import type { Batch } from '@slipway/client';
import { Interrupted, Interruption } from '../build/interruption.js';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { outcomeLine, styledState } from '../jobs/outcome.js';
import { age, shown, table } from '../terminal/text.js';
import { jobsOf } from './report.js';
import { batchLine, countsText } from './text.js';
import { watchBatch } from './watch.js';

export interface ListBatchesOptions extends CommonOptions {
  readonly limit: number;
}

/** Shows the latest batches. */
export async function listBatches(
  options: ListBatchesOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { batches } = await client.listBatches({ query: { limit: options.limit } });
  if (options.json) out.line(JSON.stringify(batches));
  else if (batches.length === 0) err.line('No batches.');
  else {
    const rows = batches.map((batch) => [
      ...[batch.id, batch.state, String(batch.total)],
      ...(['succeeded', 'failed', 'canceled'] as const).map((state) => String(batch.counts[state])),
      age(batch.created_at),
      Object.entries(batch.labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    ]);
    for (const row of table([
      ['BATCH', 'STATE', 'JOBS', 'OK', 'FAILED', 'CANCELED', 'AGE', 'LABELS'],
      ...rows,
    ]))
      out.line(row);
  }
  return exitCodes.ok;
}

/** Shows one batch and those of its jobs that did not succeed. */
export async function batchStatus(
  id: string,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const batch = await client.getBatch({ id });
  if (options.json) {
    out.line(JSON.stringify(batch));
    return exitCodes.ok;
  }
  const { counts, total } = batch;
  out.line(`${batch.id}  ${batch.state}`);
  out.line(`  ${batch.state === 'finished' ? batchLine(batch) : countsText(out, { ...counts, total })}`);
  if (batch.retry_of !== undefined) out.line(`  repeats ${batch.retry_of}`);
  out.line(`  ${client.url}/batches/${batch.id}`);
  for (const state of ['running', 'failed', 'canceled'] as const) {
    if (counts[state] === 0) continue;
    for (const job of (await jobsOf({ client, id, state })).reverse()) {
      out.line(
        `  ${job.id}  ${shown(job.function ?? job.image)}  ${`${styledState(out, job.state)}${shown(outcomeLine(job)).slice(job.state.length)}`}`,
      );
    }
  }
  return exitCodes.ok;
}

export interface WatchBatchOptions extends CommonOptions {
  readonly quiet?: boolean;
}

/** Watches a batch until it has ended. Ctrl-C does not cancel it. */
export async function batchWatch(
  id: string,
  options: WatchBatchOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env: context.env });
  await client.getBatch({ id });
  const announce = () => {
    if (!options.quiet && !options.json)
      context.terminal.err.line(`Watching ${id}. Ctrl-C does not cancel it.`);
  };
  return watchToEnd({ id, client, options, context, interrupt: 'leave', announce });
}

export interface RetryBatchOptions extends WatchBatchOptions {
  readonly all?: boolean;
  readonly cause?: string;
  readonly detach?: boolean;
}

/** Submits the failed and canceled jobs of a batch, or all of its jobs, as a new batch. */
export async function batchRetry(
  id: string,
  options: RetryBatchOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env: context.env });
  const { all, cause } = options;
  const batch = await client.retryBatch({
    id,
    which: all ? 'all' : 'failed',
    ...(cause !== undefined && { cause }),
  });
  return submitted({ batch, client, options, context });
}

/** Cancels a batch. */
export async function batchCancel(
  id: string,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const batch = await client.cancelBatch({ id });
  if (options.json) out.line(JSON.stringify(batch));
  else out.line(`${id} is being canceled: ${countsText(out, { ...batch.counts, total: batch.total })}`);
  return exitCodes.ok;
}

interface Submitted {
  readonly batch: Batch;
  readonly client: Awaited<ReturnType<typeof connect>>;
  readonly options: RetryBatchOptions;
  readonly context: CommandContext;
}

/** Reports a batch that was just submitted: only its id with `--detach`, else its progress to the end. */
export async function submitted({ batch, client, options, context }: Submitted): Promise<ExitCode> {
  const { id } = batch;
  const { out, err } = context.terminal;
  const announce = () => {
    if (options.json) out.line(JSON.stringify({ type: 'submitted', batch: id }));
    else if (options.detach) out.line(id);
    else if (!options.quiet) {
      err.line(`${err.style('bold', 'batch'.padEnd(10))} ${id}`);
      err.line(`${err.style('bold', 'page'.padEnd(10))} ${client.url}/batches/${id}`);
    }
  };
  if (options.detach) {
    announce();
    return exitCodes.ok;
  }
  return watchToEnd({ id, client, options, context, interrupt: 'cancel', announce });
}

interface WatchToEnd extends Omit<Submitted, 'batch'> {
  readonly id: string;
  readonly interrupt: 'cancel' | 'leave';
  /** Reports the batch. Called once Ctrl-C is handled: it may follow at once. */
  readonly announce: () => void;
}

async function watchToEnd({
  id,
  client,
  options,
  context,
  interrupt,
  announce,
}: WatchToEnd): Promise<ExitCode> {
  const { terminal } = context;
  const { json = false, quiet = false } = options;
  const interruption = new Interruption();
  try {
    announce();
    return await watchBatch({ id, client, terminal, json, quiet, interruption, interrupt });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    terminal.err.line(error.message);
    return exitCodes.failed;
  } finally {
    interruption.close();
  }
}
