import { formatDuration } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { table } from '../terminal/text.js';

/** Shows the number of waiting jobs and the estimated time left. */
export async function queue(
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { pools, registries = [] } = await client.queue();
  if (options.json) {
    out.line(JSON.stringify(pools));
    return exitCodes.ok;
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
