import { defaultPool } from '@slipway/shared/contracts';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { BuildQueues } from '../queues/index.js';

/** A job for the queue. */
export interface DispatchJob {
  readonly id: string;
  /** The pool whose queue takes the job. */
  readonly pool: string;
  /** Lower is earlier. */
  readonly priority: number;
}

/** The effect of a transition on the queues. */
export interface QueueChange {
  /** Jobs to add. */
  readonly released: readonly DispatchJob[];
  /** Jobs to remove, because they have ended. A worker may have some of them; these leave the queue automatically. */
  readonly withdrawn: readonly Pick<DispatchJob, 'id' | 'pool'>[];
}

interface DispatchOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly builds: Pick<BuildQueues, 'add' | 'remove' | 'missing'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Limit of jobs added or removed at once: each is one script of BullMQ, and Redis must also serve other clients. */
const atOnce = 500;

/**
 * The bridge from the records of jobs to the queues. It alone adds jobs to BullMQ and removes them. The scripts note a job in the set
 * `undispatched` when they release it (lua/jobs/include/queue.lua); `Dispatch` clears the note when BullMQ has the job.
 */
export class Dispatch {
  readonly #options: DispatchOptions;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** Brings the queues in line with a change of the records. Never rejects: the records are written, and the reconciler retries. */
  async apply({ released, withdrawn }: QueueChange): Promise<void> {
    const { builds, logger } = this.#options;
    try {
      for (const jobs of chunks(released)) await this.#add(jobs);
      // Last, because one transition may release a job and then end it.
      for (const jobs of chunks(withdrawn)) await builds.remove(jobs);
    } catch (error) {
      const counts = { released: released.length, withdrawn: withdrawn.length };
      logger.warn({ err: error, ...counts }, 'cannot update the queue; the reconciler retries');
    }
  }

  /** Returns ids of jobs that were released before a time (ms since the epoch) and may be missing in the queue. */
  async undispatched(before: number, limit: number): Promise<string[]> {
    const { redis, keys } = this.#options;
    return await redis.zrangebyscore(keys.undispatched, '-inf', before, 'LIMIT', 0, limit);
  }

  /** Adds those of the jobs again that the queues do not hold. Returns the added jobs. */
  async restoreMissing(ids: readonly string[]): Promise<DispatchJob[]> {
    return ids.length === 0 ? [] : await this.restore(await this.#options.builds.missing(ids));
  }

  /** Adds jobs again. Skips ids without a record and parked jobs. Returns the added jobs. */
  async restore(ids: readonly string[]): Promise<DispatchJob[]> {
    if (ids.length === 0) return [];
    const jobs = await this.#inQueue(ids);
    await this.#options.builds.add(jobs);
    await this.#dispatched(ids);
    return jobs;
  }

  async #add(jobs: readonly DispatchJob[]): Promise<void> {
    await this.#options.builds.add(jobs);
    await this.#dispatched(jobs.map(({ id }) => id));
  }

  async #dispatched(ids: readonly string[]): Promise<void> {
    const { redis, keys } = this.#options;
    await redis.zrem(keys.undispatched, ...ids);
  }

  /** Returns those of the jobs that belong in the queue, by their records. */
  async #inQueue(ids: readonly string[]): Promise<DispatchJob[]> {
    const { redis, keys } = this.#options;
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hmget(keys.job(id), 'priority', 'pool', 'parked');
    const replies = (await pipeline.exec()) ?? [];
    return ids.flatMap((id, at) => {
      const [error, values] = replies[at] ?? [];
      if (error) throw error;
      const [priority, pool, parked] = values as (string | null)[];
      if (typeof priority !== 'string' || parked !== null) return [];
      return [{ id, pool: pool ?? defaultPool, priority: Number(priority) }];
    });
  }
}

function* chunks<T>(jobs: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < jobs.length; at += atOnce) yield jobs.slice(at, at + atOnce);
}
