import { setTimeout as sleep } from 'node:timers/promises';
import type { JobStore } from '@slipway/control-plane/jobs';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';

/** The reason to stop an attempt before its build ends. A closed set. */
export type Interruption = 'canceled' | 'stale' | 'slot_lost' | 'shutdown';

export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly reason: Interruption;

  constructor(reason: Interruption) {
    super(`The attempt was interrupted: ${reason}`);
    this.reason = reason;
  }
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
  readonly #held = new Map<string, { readonly token: string; readonly abort: AbortController }>();

  constructor(options: InterruptionsOptions) {
    this.#options = options;
  }

  /** Registers an attempt. Its signal is aborted with an `Interrupted`. */
  hold(jobId: string, token: string): { readonly signal: AbortSignal; forget: () => void } {
    const abort = new AbortController();
    this.#held.set(jobId, { token, abort });
    return {
      signal: abort.signal,
      forget: () => {
        if (this.#held.get(jobId)?.token === token) this.#held.delete(jobId);
      },
    };
  }

  interrupt(jobId: string, reason: Interruption): void {
    this.#held.get(jobId)?.abort.abort(new Interrupted(reason));
  }

  interruptAll(reason: Interruption): void {
    for (const jobId of this.#held.keys()) this.interrupt(jobId, reason);
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
