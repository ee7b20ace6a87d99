import type { Keys, Redis } from '@slipway/shared/redis';
import { Queue } from 'bullmq';
import { type QueueData, type QueueName, queueCatalog, queueName } from './catalog.js';

interface QueuedJob<N extends QueueName> {
  readonly id: string;
  readonly data: QueueData<N>;
  /** Lower is earlier; at least 1. A job without a priority goes before all others. */
  readonly priority?: number;
}

/** The sending side of a queue of the catalogue. */
export interface Sender<N extends QueueName> {
  /** Adds jobs. Does not change a job whose id is already in the queue. */
  add(jobs: readonly QueuedJob<N>[]): Promise<void>;
  /** Removes a waiting job. Returns false when the job is not in the queue or a worker has it. */
  remove(id: string): Promise<boolean>;
  /** Returns the number of jobs before a waiting job, or undefined when the job does not wait. */
  position(id: string): Promise<number | undefined>;
  /** Limits the jobs that all consumers together work on at once; undefined removes the limit. */
  limit(jobs: number | undefined): Promise<void>;
  /** Returns the ids that the queue does not hold in any state. */
  missing(ids: readonly string[]): Promise<string[]>;
}

interface SenderOptions<N extends QueueName> {
  readonly queue: N;
  /** The pool. Only `builds` has one queue per pool. */
  readonly pool?: string;
  /** The connection. The caller closes it; the sender has nothing else to close. */
  readonly redis: Redis;
  readonly keys: Keys;
}

export function createSender<N extends QueueName>(options: SenderOptions<N>): Sender<N> {
  const { queue, pool, redis, keys } = options;
  const name = queueName(queue, pool);
  const { schema } = queueCatalog[queue];
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
      const checked = jobs.map(({ id, data, priority }) => ({
        name,
        data: schema.parse(data),
        opts: { jobId: id, ...(priority !== undefined && { priority }) },
      }));
      const [only] = checked;
      if (checked.length === 1 && only) await bull.add(only.name, only.data, only.opts);
      else if (checked.length > 0) await bull.addBulk(checked);
    },
    async remove(id) {
      return (await bull.remove(id)) === 1;
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
