import { setTimeout as sleep } from 'node:timers/promises';
import type { JobStore } from '@slipway/control-plane/jobs';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';

/** The reason to stop an attempt before its build ends. A closed set. `handed_over`: the build goes on, and another worker continues it. */
export type Interruption = 'canceled' | 'stale' | 'slot_lost' | 'shutdown' | 'handed_over';

export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly reason: Interruption;

  constructor(reason: Interruption) {
    super(`The attempt was interrupted: ${reason}`);
    this.reason = reason;
  }
}

/** An attempt that this worker holds. */
export interface Hold {
  /** Aborted with an `Interrupted`. */
  readonly signal: AbortSignal;
  /** True when the replica that was called last keeps the build, so that another worker may have the same attempt. */
  isKept: boolean;
  /** Notes whether the build goes on at its replica when this worker leaves it. */
  setGoesOn(goesOn: boolean): void;
  forget(): void;
}

interface Held {
  readonly token: string;
  readonly hold: Hold;
  readonly abort: AbortController;
  goesOn: boolean;
}

interface InterruptionsOptions {
  readonly store: Pick<JobStore, 'interrupted'>;
  /** A connection for subscriptions only. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly logger: Logger;
}

const checkEveryMs = 1_000;

/**
 * Stops attempts of this worker. A channel announces cancellations. A check of the records every second finds missed announcements and
 * stale tokens.
 */
export class Interruptions implements Component {
  readonly name = 'interruptions';
  readonly #options: InterruptionsOptions;
  readonly #held = new Map<string, Held>();
  #isHandingOver = false;

  constructor(options: InterruptionsOptions) {
    this.#options = options;
  }

  /** Registers an attempt. An earlier one of the same job is stale: the queue delivered the job again. */
  hold(jobId: string, token: string): Hold {
    this.interrupt(jobId, 'stale');
    const abort = new AbortController();
    const hold: Hold = {
      signal: abort.signal,
      isKept: false,
      setGoesOn: (goesOn) => {
        held.goesOn = goesOn;
        if (goesOn && this.#isHandingOver) abort.abort(new Interrupted('handed_over'));
      },
      forget: () => {
        if (this.#held.get(jobId) === held) this.#held.delete(jobId);
      },
    };
    const held: Held = { token, hold, abort, goesOn: false };
    this.#held.set(jobId, held);
    return hold;
  }

  /** Stops the attempts whose builds go on without this worker, now and from now on. */
  handOver(): void {
    this.#isHandingOver = true;
    for (const { goesOn, abort } of this.#held.values())
      if (goesOn) abort.abort(new Interrupted('handed_over'));
  }

  interrupt(jobId: string, reason: Interruption): void {
    this.#held.get(jobId)?.abort.abort(new Interrupted(reason));
  }

  interruptAll(reason: Interruption): void {
    for (const jobId of this.#held.keys()) this.interrupt(jobId, reason);
  }

  /** Returns true if the replicas keep the builds of all attempts, or their results, so that other workers can continue without this one. */
  get areKept(): boolean {
    return [...this.#held.values()].every(({ hold }) => hold.isKept);
  }

  get size(): number {
    return this.#held.size;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { subscriber, keys, logger } = this.#options;
    subscriber.on('message', (channel: string, jobId: string) => {
      if (channel === keys.cancellations) this.interrupt(jobId, 'canceled');
    });
    // The connection renews the subscription after a reconnect.
    subscriber.subscribe(keys.cancellations).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ err: error }, 'cancellations are seen only by polling');
    });
    while (!signal.aborted) {
      await sleep(checkEveryMs, undefined, { signal }).catch(() => undefined);
      if (this.#held.size > 0) await this.#check();
    }
  }

  async #check(): Promise<void> {
    const held = new Map([...this.#held].map(([jobId, { token }]) => [jobId, token]));
    try {
      const { canceled, stale } = await this.#options.store.interrupted(held);
      for (const jobId of canceled) this.interrupt(jobId, 'canceled');
      for (const jobId of stale) {
        // An attempt that has just ended has no token either. Only an attempt that still has the same token here is stale.
        if (this.#held.get(jobId)?.token === held.get(jobId)) this.interrupt(jobId, 'stale');
      }
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'attempts not checked');
    }
  }
}
