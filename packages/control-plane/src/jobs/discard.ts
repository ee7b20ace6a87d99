import type { JobSpec } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type Fields, objectField, UnreadableRecord } from '../records/index.js';
import { readStored, type SharedValues, wholeSpec } from '../stored/index.js';
import { indexNames } from './identity.js';

interface DiscardOptions {
  readonly id: string;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly read: () => Promise<unknown>;
  /** Ends the job, and removes its hash and its entries in these indexes, in one step. */
  readonly discard: (indexes: readonly string[]) => Promise<unknown>;
}

/**
 * Removes the record of a job that cannot be read. Indexes that a damaged spec no longer names keep the id: lists skip ids without a
 * record.
 */
export async function discardRecord(options: DiscardOptions): Promise<'ok' | 'missing' | 'readable'> {
  const { id, redis, keys, read, discard } = options;
  try {
    return (await read()) === undefined ? 'missing' : 'readable';
  } catch (error) {
    if (!(error instanceof UnreadableRecord)) throw error;
  }
  const key = keys.job(id);
  // The key may hold another type, from which no script can read a state.
  if ((await redis.type(key)) !== 'hash') await redis.del(key);
  const { replies, values } = await readStored({ redis, keys, names: [key] });
  await discard(indexesOf((replies[0]?.[1] ?? {}) as Fields, values));
  return 'ok';
}

function indexesOf(fields: Fields, values: SharedValues): string[] {
  const { tenant = '' } = fields;
  try {
    return indexNames(wholeSpec(objectField<JobSpec>(fields, 'spec'), fields.shared, values).spec, tenant);
  } catch {
    return [`tenant:${tenant}`];
  }
}
