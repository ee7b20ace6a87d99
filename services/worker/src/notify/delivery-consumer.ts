import { setTimeout as sleep } from 'node:timers/promises';
import type { DeliveryStore } from '@slipway/control-plane/webhooks';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';

interface DeliveryConsumerOptions {
  readonly deliveries: Pick<DeliveryStore, 'claim'>;
  /** Runs an attempt of a delivery, if it is this worker's turn. */
  readonly attempt: (id: string) => Promise<void>;
  /** Limit of attempts at once. */
  readonly concurrency: number;
  /** A connection that is only for subscriptions. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly logger: Logger;
}

/** Limit of a claim, so that the workers share a burst. */
const claimSize = 25;
/** Milliseconds until the next look at due deliveries, in case an announcement is missed. */
const pollMs = 1_000;

/**
 * Runs attempts of due deliveries. It claims more whenever deliveries are announced as due, the next one becomes due, or an attempt has
 * ended. When stopped, it waits for the attempts in progress.
 */
export class DeliveryConsumer implements Component {
  readonly name = 'deliveries consumer';
  readonly #options: DeliveryConsumerOptions;
  readonly #running = new Set<Promise<void>>();
  /** True if something happened since the last claim. */
  #woken = false;
  #pause = new AbortController();

  constructor(options: DeliveryConsumerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { subscriber, keys, logger } = this.#options;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    subscriber.on('message', (channel: string) => {
      if (channel === keys.deliveriesDue) this.#wake();
    });
    // The connection itself renews the subscription after a reconnect.
    subscriber.subscribe(keys.deliveriesDue).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ err: error }, 'due deliveries are seen only by polling');
    });
    while (!signal.aborted) {
      this.#woken = false;
      const waitMs = await this.#claim();
      if (!this.#woken && !signal.aborted) await this.#sleep(waitMs);
    }
    await Promise.all(this.#running);
  }

  /** Starts attempts of due deliveries. Returns the milliseconds until the next claim, unless something happens before. */
  async #claim(): Promise<number> {
    const { deliveries, concurrency, logger } = this.#options;
    const free = concurrency - this.#running.size;
    if (free < 1) return pollMs;
    try {
      const { ids, nextInMs = pollMs } = await deliveries.claim(Math.min(free, claimSize));
      for (const id of ids) this.#start(id);
      return Math.min(nextInMs, pollMs);
    } catch (error) {
      logger.warn({ err: error }, 'due deliveries cannot be claimed');
      return pollMs;
    }
  }

  #start(id: string): void {
    const { attempt, logger } = this.#options;
    const running = attempt(id)
      .catch((error: unknown) =>
        logger.warn({ err: error, delivery_id: id }, 'the attempt of a delivery failed'),
      )
      .finally(() => {
        this.#running.delete(running);
        this.#wake();
      });
    this.#running.add(running);
  }

  #wake(): void {
    this.#woken = true;
    this.#pause.abort();
  }

  async #sleep(ms: number): Promise<void> {
    this.#pause = new AbortController();
    await sleep(ms, undefined, { signal: this.#pause.signal }).catch(() => undefined);
  }
}
