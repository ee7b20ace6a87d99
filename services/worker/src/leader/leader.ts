import { once, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@slipway/control-plane/clock';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { workerLua } from '../lua.js';

/** Work that exactly one worker does at a time, repeatedly. A run never overlaps another run of the same task. */
export interface LeaderTask {
  readonly name: string;
  /** Milliseconds from the start of a run to the start of the next. */
  readonly everyMs: number;
  /** True for a task that uses the blob store, which may answer late. When the worker stops, the other tasks go on until it has ended. */
  readonly usesStore?: boolean;
  /** `signal` aborts when the worker loses the lease or stops. The run then ends at its next safe point. */
  run(signal: AbortSignal): Promise<void>;
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
  /** Milliseconds between renewals of the lease, and the minimum pause between two runs of a task. Default: 500. */
  readonly tickMs?: number;
}

/** A worker that was not seen for this long is gone. */
const aliveMs = 10_000;

/** Returns a controller whose signal all tasks listen to. */
function newEnding(): AbortController {
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  return ending;
}

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
 * Holds the leader's lease if it is free, and does the tasks while it holds the lease. The tasks run beside each other, so a slow one delays no
 * other. The lease is renewed meanwhile. Without Redis' time, or with a machine whose clock is off, the leader takes no lease, and gives up its own.
 */
export class Leader implements Component {
  readonly name = 'leader';
  readonly #options: LeaderOptions;
  readonly #leaseMs: number;
  readonly #tickMs: number;
  /** When the lease runs out at the earliest, by the monotonic clock of this process, in milliseconds. */
  #until = Number.NEGATIVE_INFINITY;
  /** Aborted when the lease is lost or runs out. */
  #term = newEnding();
  #expiry: NodeJS.Timeout | undefined;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? 5_000;
    this.#tickMs = options.tickMs ?? 500;
    this.#term.abort();
  }

  /** Returns whether this worker holds the lease. */
  get leading(): boolean {
    return performance.now() < this.#until && !this.#term.signal.aborted;
  }

  async run(signal: AbortSignal): Promise<void> {
    const [storeEnding, othersEnding, ended] = [newEnding(), newEnding(), newEnding()];
    const repeat = (usesStore: boolean, stopping: AbortSignal) =>
      Promise.all(
        this.#options.tasks
          .filter((task) => (task.usesStore ?? false) === usesStore)
          .map((task) => this.#repeat(task, stopping)),
      );
    const holding = this.#hold(ended.signal);
    const withStore = repeat(true, storeEnding.signal);
    const others = repeat(false, othersEnding.signal);
    if (!signal.aborted) await once(signal, 'abort');
    storeEnding.abort();
    await withStore;
    othersEnding.abort();
    await others;
    // The last run of a task may outlast the signal. The worker holds the lease until then.
    ended.abort();
    await holding;
    this.#lose();
    await this.#resign();
  }

  /** Announces the worker, and takes or renews the lease. */
  async #hold(signal: AbortSignal): Promise<void> {
    const { redis, keys, workerName, clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await redis.zadd(keys.workers, clock.now(), workerName);
        const asked = performance.now();
        if (clock.isRight && (await this.#takeLease())) this.#holdUntil(asked + this.#leaseMs);
        else this.#lose();
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'the lease of the leader cannot be renewed');
      }
      await sleep(this.#tickMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #holdUntil(until: number): void {
    clearTimeout(this.#expiry);
    this.#until = until;
    this.#expiry = setTimeout(() => this.#lose(), until - performance.now());
    if (this.#term.signal.aborted) this.#term = newEnding();
  }

  #lose(): void {
    clearTimeout(this.#expiry);
    this.#until = Number.NEGATIVE_INFINITY;
    this.#term.abort();
  }

  /** Runs a task again and again while this worker holds the lease, until `stopping` aborts. */
  async #repeat(task: LeaderTask, stopping: AbortSignal): Promise<void> {
    let dueAt = Number.NEGATIVE_INFINITY;
    while (!stopping.aborted) {
      if (this.leading && performance.now() >= dueAt) {
        dueAt = performance.now() + task.everyMs;
        await this.#runOnce(task, stopping);
      }
      const pauseMs = this.leading ? Math.max(dueAt - performance.now(), this.#tickMs) : this.#tickMs;
      await sleep(pauseMs, undefined, { signal: stopping }).catch(() => undefined);
    }
  }

  async #runOnce(task: LeaderTask, stopping: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const ending = new AbortController();
    const end = () => ending.abort();
    const reasons = [this.#term.signal, stopping];
    for (const reason of reasons) reason.addEventListener('abort', end);
    try {
      await task.run(ending.signal);
    } catch (error) {
      // The other tasks do not depend on this one.
      if (!ending.signal.aborted) logger.warn({ err: error, task: task.name }, 'a task of the leader failed');
    } finally {
      for (const reason of reasons) reason.removeEventListener('abort', end);
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
