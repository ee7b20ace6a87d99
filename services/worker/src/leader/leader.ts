import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@slipway/control-plane/clock';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';

/** Something that exactly one worker does at a time, every so often. */
export interface Duty {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<void>;
  /** When the last worker stops. */
  stop?(): Promise<void>;
}

interface LeaderOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly workerName: string;
  readonly duties: readonly Duty[];
  /** Redis' time. A worker whose machine is off takes no duties. */
  readonly clock: Clock & { readonly isRight: boolean };
  readonly logger: Logger;
}

const tickMs = 500;
const leaseMs = 5_000;
/** A worker that has not been seen for so long is not there. */
const aliveMs = 10_000;

/**
 * Holds the leader's lease if it is free, and does the duties while it has it. Without Redis' time, or with a machine whose clock is off, it
 * takes no lease, and lets one run out that it has.
 */
export class Leader implements Component {
  readonly name = 'leader';
  readonly #options: LeaderOptions;
  readonly #doneAt = new Map<string, number>();
  #leading = false;

  constructor(options: LeaderOptions) {
    this.#options = options;
  }

  /** Whether it had the lease when it last asked. */
  get leading(): boolean {
    return this.#leading;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { redis, keys, workerName, clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await redis.zadd(keys.workers, clock.now(), workerName);
        this.#leading = clock.isRight && (await this.#elected());
        if (this.#leading) await this.#work(signal);
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'the lease of the leader cannot be looked at');
      }
      await sleep(tickMs, undefined, { signal }).catch(() => undefined);
    }
    this.#leading = false;
    await this.#resign();
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    for (const { name, everyMs, run } of this.#options.duties.map(bound)) {
      if (signal.aborted) return;
      if (performance.now() - (this.#doneAt.get(name) ?? Number.NEGATIVE_INFINITY) < everyMs) continue;
      this.#doneAt.set(name, performance.now());
      try {
        await run();
      } catch (error) {
        // The other duties do not depend on this one.
        if (!signal.aborted) logger.warn({ err: error, duty: name }, 'a duty of the leader failed');
      }
    }
  }

  async #elected(): Promise<boolean> {
    const { redis, keys, workerName } = this.#options;
    if ((await redis.set(keys.leader, workerName, 'PX', leaseMs, 'NX')) === 'OK') return true;
    if ((await redis.get(keys.leader)) !== workerName) return false;
    await redis.pexpire(keys.leader, leaseMs);
    return true;
  }

  async #resign(): Promise<void> {
    const { redis, keys, workerName, duties, clock, logger } = this.#options;
    try {
      if (redis.status !== 'ready') return;
      await redis.zrem(keys.workers, workerName);
      const others = await redis.zcount(keys.workers, clock.now() - aliveMs, '+inf');
      if ((await redis.get(keys.leader)) === workerName) await redis.del(keys.leader);
      if (others === 0) for (const duty of duties) await duty.stop?.();
    } catch (error) {
      logger.warn({ err: error }, 'the lease of the leader was not given back; it will run out');
    }
  }
}

const bound = (duty: Duty) => ({ name: duty.name, everyMs: duty.everyMs, run: () => duty.run() });
