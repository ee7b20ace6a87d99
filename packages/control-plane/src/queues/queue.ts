import type { Keys, Redis } from '@slipway/shared/redis';
import { Queue } from 'bullmq';
import { type QueueData, type QueueName, queueCatalog, queueName } from './catalog.js';

interface QueuedJob<N extends QueueName> {
  readonly id: string;
  readonly data: QueueData<N>;
  /** Lower is earlier; at least 1. Without one it goes before all that have one. */
  readonly priority?: number;
}

/** The sending side of a queue of the catalogue. */
export interface Sender<N extends QueueName> {
  /** Adds one job a pair; an id that is in the queue already is left as it is. */
  add(jobs: readonly QueuedJob<N>[]): Promise<void>;
  /** Takes a waiting job out. False when it is not there or is being worked on. */
  remove(id: string): Promise<boolean>;
  /** How many jobs go before one that waits; undefined when it does not wait. */
  position(id: string): Promise<number | undefined>;
  /** Caps how many jobs all consumers together work on at once; undefined takes the cap away. */
  limit(jobs: number | undefined): Promise<void>;
  /** Which of the ids the queue does not hold, in any state. */
  missing(ids: readonly string[]): Promise<string[]>;
}

interface SenderOptions<N extends QueueName> {
  readonly queue: N;
  /** Whose queue, of those of which each pool has one. */
  readonly pool?: string;
  /** The queue holds nothing else that would have to be closed. */
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
  // The connection reports for itself; without a listener BullMQ's copy of the event would end the process.
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
