import { defaultPool } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { createPoolQueue, type PoolQueue } from './pool-queue.js';

interface PooledJob {
  readonly id: string;
  readonly pool: string;
}

/** The queues of builds, one per pool. The record of a job names its pool. */
export interface BuildQueues {
  /** Adds each job to the queue of its pool. Does not change a job that is already there. */
  add(jobs: readonly (PooledJob & { /** Lower is earlier. */ readonly priority: number })[]): Promise<void>;
  /** Removes waiting jobs. Skips jobs that are not in the queue or that a worker has. */
  remove(jobs: readonly PooledJob[]): Promise<void>;
  /** Returns the number of jobs before a waiting job in its pool, or undefined when the job does not wait. */
  position(id: string): Promise<number | undefined>;
  /** Returns the ids that the queues of their pools do not hold in any state. */
  missing(ids: readonly string[]): Promise<string[]>;
  /** Limits the jobs of a pool that all consumers together work on at once; undefined removes the limit. */
  limit(pool: string, jobs: number | undefined): Promise<void>;
}

interface BuildQueuesOptions {
  readonly redis: Redis;
  readonly keys: Keys;
}

/** Creates the queue of a pool at its first job. */
export function createBuildQueues({ redis, keys }: BuildQueuesOptions): BuildQueues {
  const queues = new Map<string, PoolQueue>();
  const queueOf = (pool: string) => {
    const queue = queues.get(pool) ?? createPoolQueue({ pool, redis, keys });
    queues.set(pool, queue);
    return queue;
  };
  return {
    async add(jobs) {
      for (const [pool, some] of grouped(jobs, ({ pool }) => pool)) await queueOf(pool).add(some);
    },
    async remove(jobs) {
      await Promise.all(jobs.map(({ id, pool }) => queueOf(pool).remove(id)));
    },
    async position(id) {
      return await queueOf(poolOf(await redis.hget(keys.job(id), 'pool'))).position(id);
    },
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
        missing.push(...(await queueOf(pool).missing(some)));
      }
      return missing;
    },
    limit: (pool, jobs) => queueOf(pool).limit(jobs),
  };
}

/** Returns the pool of a record. Records of versions without pools name none. */
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
