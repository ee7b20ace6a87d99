import { firstIdOf } from '@slipway/shared/ids';
import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import type { JobStore } from './job-store.js';

const script = scriptsIn(controlPlaneLua, 'jobs/');
const scripts = {
  mark: script('mark-time', { known: z.int(), least_mark: z.int(), bound: z.string() }),
  hold: script('hold', { hold: z.boolean() }),
};

/** Why no job starts. Times are in ms since the epoch. */
export interface HoldState {
  /** `restored`: the data of Redis is older than a worker or the blob store knows. */
  readonly reason: 'restored' | 'operator';
  readonly since: number;
  /** The time of the data in Redis; undefined if it is unknown. */
  readonly redisAt: number | undefined;
  /** The newest time known outside of Redis: jobs created before it may have run since. */
  readonly knownAt: number | undefined;
}

interface HoldOptions {
  readonly redis: Redis;
  readonly keys: Keys;
}

/** Ids read at once to cancel the jobs of a backup. */
const atOnce = 500;

/**
 * Holds all jobs: none starts until an operator releases them. Workers hold them when Redis has gone back in time. The mark of time in
 * Redis is compared with a copy outside, which a backup of Redis does not restore.
 */
export class Hold {
  readonly #on: HoldOptions;

  constructor({ redis, keys }: HoldOptions) {
    this.#on = { redis, keys };
  }

  /** Returns the state while jobs are held. */
  async get(): Promise<HoldState | undefined> {
    const { redis, keys } = this.#on;
    const [reason, since, mark, known] = await redis.hmget(keys.hold, 'reason', 'since', 'mark', 'known');
    if (reason !== 'restored' && reason !== 'operator') return undefined;
    const time = (value: string | null | undefined) => (Number(value ?? 0) > 0 ? Number(value) : undefined);
    return { reason, since: Number(since), redisAt: time(mark), knownAt: time(known) };
  }

  /** Holds all jobs. Returns false when they are held already. */
  async begin(): Promise<boolean> {
    return ((await scripts.hold.run(this.#on, { hold: true })) as string[])[0] === 'ok';
  }

  /** Releases the jobs. Returns false when they are not held. */
  async release(): Promise<boolean> {
    return ((await scripts.hold.run(this.#on, { hold: false })) as string[])[0] === 'ok';
  }

  /** Cancels the unended jobs that were created before a time (ms). Returns their number. */
  async cancelBefore(ms: number, store: Pick<JobStore, 'cancel'>): Promise<number> {
    const { redis, keys } = this.#on;
    let canceled = 0;
    for (const state of ['running', 'queued']) {
      const index = keys.index(`state:${state}`);
      for (let after = '-'; ; ) {
        const ids = await redis.zrangebylex(index, after, `(${firstIdOf('job', ms)}`, 'LIMIT', 0, atOnce);
        for (const id of ids) {
          const outcome = await store.cancel(id);
          if (outcome === 'canceled' || outcome === 'requested') canceled++;
        }
        const last = ids.at(-1);
        if (last === undefined) break;
        after = `(${last}`;
      }
    }
    return canceled;
  }

  /**
   * Marks the time of Redis, or holds all jobs when its mark is older than `known - toleranceMs` and it has jobs older than `known`.
   * `known` is the newest mark outside of Redis, in ms. Returns the marks, or undefined while jobs are held.
   */
  async mark(known: number, toleranceMs: number): Promise<{ mark: number; before: number } | undefined> {
    const args = { known, least_mark: known - toleranceMs, bound: firstIdOf('job', known) };
    const [outcome, mark, before] = (await scripts.mark.run(this.#on, args)) as string[];
    return outcome === 'ok' ? { mark: Number(mark), before: Number(before) } : undefined;
  }
}
