import { defaultPool } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { createSender, type Sender } from './queue.js';

/** A job on its way to the queue of its pool. */
interface PooledJob {
  readonly id: string;
  readonly pool: string;
  /** Lower is earlier. */
  readonly priority: number;
}

/** The queues of builds, one a pool. Which one a job belongs to is said by its record. */
export interface BuildQueues {
  /** Adds jobs, each to the queue of its pool; one that is there already is left as it is. */
  add(jobs: readonly PooledJob[]): Promise<void>;
  /** Takes a waiting job out. False when it is not there or is being worked on. */
  remove(id: string): Promise<boolean>;
  /** How many jobs of its pool go before one that waits; undefined when it does not wait. */
  position(id: string): Promise<number | undefined>;
  /** Which of the ids the queues of their pools do not hold, in any state. */
  missing(ids: readonly string[]): Promise<string[]>;
  /** Caps how many jobs of a pool all consumers together work on at once; undefined takes the cap away. */
  limit(pool: string, jobs: number | undefined): Promise<void>;
}

interface BuildQueuesOptions {
  readonly redis: Redis;
  readonly keys: Keys;
}

/** Senders are made as their pools turn up. */
export function createBuildQueues({ redis, keys }: BuildQueuesOptions): BuildQueues {
  const senders = new Map<string, Sender<'builds'>>();
  const senderOf = (pool: string) => {
    const sender = senders.get(pool) ?? createSender({ queue: 'builds', pool, redis, keys });
    senders.set(pool, sender);
    return sender;
  };
  const senderFor = async (id: string) => senderOf(poolOf(await redis.hget(keys.job(id), 'pool')));
  return {
    async add(jobs) {
      for (const [pool, some] of grouped(jobs, ({ pool }) => pool)) {
        await senderOf(pool).add(some.map(({ id, priority }) => ({ id, data: { jobId: id }, priority })));
      }
    },
    remove: async (id) => await (await senderFor(id)).remove(id),
    position: async (id) => await (await senderFor(id)).position(id),
    async missing(ids) {
      const pipeline = redis.pipeline();
      for (const id of ids) pipeline.hget(keys.job(id), 'pool');
      const replies = (await pipeline.exec()) ?? [];
      const pools = new Map<string, string>();
      for (const [at, [error, pool]] of replies.entries()) {
        if (error) throw error;
        pools.set(ids[at] as string, poolOf(pool));
      }
      const missing: string[] = [];
      for (const [pool, some] of grouped(ids, (id) => pools.get(id) ?? defaultPool)) {
        missing.push(...(await senderOf(pool).missing(some)));
      }
      return missing;
    },
    limit: (pool, jobs) => senderOf(pool).limit(jobs),
  };
}

/** Records of jobs that were submitted before there were pools have none. */
const poolOf = (field: unknown): string => (typeof field === 'string' ? field : defaultPool);

function grouped<T>(items: readonly T[], poolOfItem: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const pool = poolOfItem(item);
    const group = groups.get(pool);
    if (group) group.push(item);
    else groups.set(pool, [item]);
  }
  return groups;
}
