import type { Queue } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { table } from '../terminal/text.js';

/** Shows the number of waiting jobs and the estimated time left. */
export async function queue(
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { pools, registries = [], held } = await client.queue();
  if (options.json) {
    out.line(JSON.stringify(pools));
    return exitCodes.ok;
  }
  if (held) {
    for (const line of holdLines(held)) err.line(line);
  }
  const rows = pools.map((pool) => [
    pool.name,
    String(pool.queued),
    `${pool.running} of ${pool.capacity}`,
    pool.queued === 0 ? '-' : formatDuration(pool.oldest_wait_ms),
    pool.mean_build_ms === undefined ? '-' : formatDuration(pool.mean_build_ms),
    pool.queued === 0 || pool.estimated_ms === undefined ? '-' : formatDuration(pool.estimated_ms),
  ]);
  for (const row of table([['POOL', 'WAITING', 'RUNNING', 'OLDEST', 'MEAN BUILD', 'DONE IN'], ...rows]))
    out.line(row);
  const waited = registries.map(({ registry, circuit, waiting, since }) => [
    registry,
    circuit,
    String(waiting),
    since,
  ]);
  if (waited.length > 0) {
    out.line('');
    for (const row of table([['REGISTRY', 'CIRCUIT', 'WAITING', 'SINCE'], ...waited])) out.line(row);
  }
  return exitCodes.ok;
}

function holdLines({ reason, since, redis_at, known_at }: NonNullable<Queue['held']>): string[] {
  if (reason === 'operator') return [`No job starts: an operator holds the queue since ${since}.`, ''];
  return [
    `No job starts since ${since}: Redis has the data of ${redis_at ?? 'an unknown time'}, but there was newer data of ${known_at}.`,
    'Waiting jobs of that backup may have run since, and would push older images over newer ones.',
    'Cancel them with `slipway release --cancel`, or build them with `slipway release --run`.',
    '',
  ];
}

/** Holds all jobs. */
export async function holdQueue(
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  await client.holdQueue();
  out.line('No job starts until `slipway release`. Running builds finish.');
  return exitCodes.ok;
}

export interface ReleaseOptions extends CommonOptions {
  readonly run?: boolean;
  readonly cancel?: boolean;
}

/** Releases held jobs, and cancels jobs that may have run since a backup if that is asked for. */
export async function releaseQueue(
  options: ReleaseOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  if (options.run === options.cancel) {
    throw new CommandError({
      message: 'choose one of --run and --cancel',
      remedy: '--run builds the held jobs. --cancel cancels jobs that may have run since the backup.',
      exitCode: exitCodes.usage,
    });
  }
  const client = await connect({ options, env });
  const { canceled } = await client.releaseQueue({ jobs: options.cancel ? 'cancel' : 'run' });
  if (options.json) out.line(JSON.stringify({ canceled }));
  else
    out.line(options.cancel ? `${canceled} jobs are canceled. New jobs start again.` : 'Jobs start again.');
  return exitCodes.ok;
}
