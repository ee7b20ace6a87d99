import { defaultPool, jobIdSchema } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { Queue } from 'bullmq';
import { z } from 'zod';

/** The data of a job in BullMQ. The record decides on retries, so BullMQ itself never retries. */
export const queuedJobSchema = z.object({ jobId: jobIdSchema });

/** Returns the name of a pool's queue in BullMQ. The queue of the default pool keeps its name from versions without pools. */
export const queueName = (pool: string): string => (pool === defaultPool ? 'builds' : `builds-${pool}`);

/** Returns the beginning of the Redis keys of a pool's queue. */
export const queueKeys = (keys: Keys, pool: string): string => `${keys.bullPrefix}:${queueName(pool)}:`;

interface QueuedJob {
  readonly id: string;
  /** Lower is earlier; at least 1. */
  readonly priority: number;
}

/** The sending side of the queue of one pool. */
export interface PoolQueue {
  /** Adds jobs. Does not change a job that is already in the queue. */
  add(jobs: readonly QueuedJob[]): Promise<void>;
  /** Removes a waiting job. Does nothing when the job is not in the queue or a worker has it. */
  remove(id: string): Promise<void>;
  /** Returns the number of jobs before a waiting job, or undefined when the job does not wait. */
  position(id: string): Promise<number | undefined>;
  /** Limits the jobs that all consumers together work on at once; undefined removes the limit. */
  limit(jobs: number | undefined): Promise<void>;
  /** Returns the ids that the queue does not hold in any state. */
  missing(ids: readonly string[]): Promise<string[]>;
}

interface PoolQueueOptions {
  readonly pool: string;
  /** The connection. The caller closes it; the queue has nothing else to close. */
  readonly redis: Redis;
  readonly keys: Keys;
}

export function createPoolQueue({ pool, redis, keys }: PoolQueueOptions): PoolQueue {
  const name = queueName(pool);
  const bull = new Queue(name, {
    connection: redis,
    prefix: keys.bullPrefix,
    skipWaitingForReady: true,
    streams: { events: { maxLen: 1_000 } },
    defaultJobOptions: {
      removeOnComplete: true,
      removeOnFail: true,
    },
  });
  // The connection reports its own errors. Without a listener BullMQ's copy of the event would end the process.
  bull.on('error', () => undefined);
  return {
    async add(jobs) {
      const checked = jobs.map(({ id, priority }) => ({
        name,
        data: queuedJobSchema.parse({ jobId: id }),
        opts: { jobId: id, priority },
      }));
      const [only] = checked;
      if (checked.length === 1 && only) await bull.add(only.name, only.data, only.opts);
      else if (checked.length > 0) await bull.addBulk(checked);
    },
    async remove(id) {
      await bull.remove(id);
    },
    async position(id) {
      return (await redis.zrank(bull.toKey('prioritized'), id)) ?? undefined;
    },
    async limit(jobs) {
      if (jobs === undefined) await bull.removeGlobalConcurrency();
      else await bull.setGlobalConcurrency(jobs);
    },
    async missing(ids) {
      const pipeline = redis.pipeline();
      for (const id of ids) pipeline.exists(bull.toKey(id));
      const replies = (await pipeline.exec()) ?? [];
      return ids.filter((_id, at) => {
        const [error, found] = replies[at] ?? [];
        if (error) throw error;
        return found === 0;
      });
    },
  };
}
