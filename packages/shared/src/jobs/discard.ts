import type { JobSpec } from '../contracts/index.js';
import { objectField, UnreadableRecord } from '../records/index.js';
import type { Keys, Redis } from '../redis/index.js';
import { indexNames } from './identity.js';

interface DiscardOptions {
  readonly id: string;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly read: () => Promise<unknown>;
  /** Ends the job, and removes the hash and its place in these indexes, in one step. */
  readonly discard: (indexes: readonly string[]) => Promise<unknown>;
}

/**
 * Removes the record of a job that cannot be read. Indexes that a damaged spec no longer names keep the id: each list leaves out
 * ids without a record.
 */
export async function discardRecord(options: DiscardOptions): Promise<'ok' | 'missing' | 'readable'> {
  const { id, redis, keys, read, discard } = options;
  try {
    return (await read()) === undefined ? 'missing' : 'readable';
  } catch (error) {
    if (!(error instanceof UnreadableRecord)) throw error;
  }
  const key = keys.job(id);
  // The key may hold another type, which no script could read a state from.
  if ((await redis.type(key)) !== 'hash') await redis.del(key);
  await discard(indexesOf(await redis.hgetall(key)));
  return 'ok';
}

function indexesOf(fields: Readonly<Record<string, string>>): string[] {
  const { tenant = '' } = fields;
  try {
    return indexNames(objectField<JobSpec>(fields, 'spec'), tenant);
  } catch {
    return [`tenant:${tenant}`];
  }
}
