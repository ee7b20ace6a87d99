import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@slipway/control-plane/clock';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { workerLua } from '../lua.js';

/** Work that exactly one worker does at a time, repeatedly. */
export interface LeaderTask {
  readonly name: string;
  readonly everyMs: number;
  /** True for a task that uses the blob store. The other tasks do not wait for it, because the store may answer late. */
  readonly usesStore?: boolean;
  run(): Promise<void>;
  /** Called when the last worker stops. */
  stop?(): Promise<void>;
}

interface LeaderOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly workerName: string;
  readonly tasks: readonly LeaderTask[];
  /** Redis' time. A worker whose machine's clock is off takes no tasks. */
  readonly clock: Clock & { readonly isRight: boolean };
  readonly logger: Logger;
  /** Default: 5,000. */
  readonly leaseMs?: number;
  /** Milliseconds between renewals of the lease, and between looks for a task that is due. Default: 500. */
  readonly tickMs?: number;
}

/** A worker that was not seen for this long is gone. */
const aliveMs = 10_000;

const leadScript = defineScript({
  folder: workerLua,
  file: 'leader/lead',
  args: z.object({ worker: z.string(), lease_ms: z.int() }),
});
const resignScript = defineScript({
  folder: workerLua,
  file: 'leader/resign',
  args: z.object({ worker: z.string() }),
});

/**
 * Holds the leader's lease if it is free, and does the tasks while it holds the lease. It renews the lease also while a task runs. Without
 * Redis' time, or with a machine whose clock is off, it takes no lease, and lets its own run out.
 */
export class Leader implements Component {
  readonly name = 'leader';
  readonly #options: LeaderOptions;
  readonly #leaseMs: number;
  readonly #tickMs: number;
  readonly #doneAt = new Map<string, number>();
  /** When the lease runs out at the earliest, by the monotonic clock of this process, in milliseconds. */
  #until = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? 5_000;
    this.#tickMs = options.tickMs ?? 500;
  }

  /** Returns whether this worker holds the lease. */
  get leading(): boolean {
    return performance.now() < this.#until;
  }

  async run(signal: AbortSignal): Promise<void> {
    // The last task may outlast the signal, and holds the lease until then. The other tasks do not wait for it.
    const worked = new AbortController();
    const holding = this.#hold(worked.signal);
    const [withStore = [], others = []] = [true, false].map((uses) =>
      this.#options.tasks.filter(({ usesStore = false }) => usesStore === uses),
    );
    const stored = new AbortController();
    const working = this.#work(withStore, signal).finally(() => stored.abort());
    await Promise.all([this.#work(others, stored.signal), working]);
    worked.abort();
    await holding;
    this.#until = Number.NEGATIVE_INFINITY;
    await this.#resign();
  }

  /** Announces the worker, and takes or renews the lease. */
  async #hold(signal: AbortSignal): Promise<void> {
    const { redis, keys, workerName, clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await redis.zadd(keys.workers, clock.now(), workerName);
        const asked = performance.now();
        const leads = clock.isRight && (await this.#takeLease());
        this.#until = leads ? asked + this.#leaseMs : Number.NEGATIVE_INFINITY;
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'the lease of the leader cannot be renewed');
      }
      await sleep(this.#tickMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #work(tasks: readonly LeaderTask[], signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    while (!signal.aborted) {
      for (const task of tasks) {
        if (signal.aborted || !this.leading) break;
        const doneAt = this.#doneAt.get(task.name) ?? Number.NEGATIVE_INFINITY;
        if (performance.now() - doneAt < task.everyMs) continue;
        this.#doneAt.set(task.name, performance.now());
        try {
          await task.run();
        } catch (error) {
          // The other tasks do not depend on this one.
          if (!signal.aborted) logger.warn({ err: error, task: task.name }, 'a task of the leader failed');
        }
      }
      await sleep(this.#tickMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #takeLease(): Promise<boolean> {
    const { redis, keys, workerName } = this.#options;
    return (await leadScript.run({ redis, keys }, { worker: workerName, lease_ms: this.#leaseMs })) === 1;
  }

  async #resign(): Promise<void> {
    const { redis, keys, workerName, tasks, clock, logger } = this.#options;
    try {
      if (redis.status !== 'ready') return;
      await redis.zrem(keys.workers, workerName);
      const others = await redis.zcount(keys.workers, clock.now() - aliveMs, '+inf');
      await resignScript.run({ redis, keys }, { worker: workerName });
      if (others === 0) for (const task of tasks) await task.stop?.();
    } catch (error) {
      logger.warn({ err: error }, 'the lease of the leader was not given back; it will run out');
    }
  }
}
