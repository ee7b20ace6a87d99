import { setTimeout as sleep } from 'node:timers/promises';
import type { Component } from '@slipway/shared/lifecycle';

interface RedisAwayOptions {
  /** Rejects while this process cannot write to Redis. */
  readonly ready: () => Promise<void>;
}

const checkEveryMs = 500;

/** Measures how long this process has not been able to write to Redis. */
export class RedisAway implements Component {
  readonly name = 'redis away';
  readonly #options: RedisAwayOptions;
  #since: number | undefined;

  constructor(options: RedisAwayOptions) {
    this.#options = options;
  }

  /** Returns the milliseconds since the first of the failed checks in a row. */
  get forMs(): number {
    return this.#since === undefined ? 0 : performance.now() - this.#since;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const asked = performance.now();
      await this.#options.ready().then(
        () => {
          this.#since = undefined;
        },
        () => {
          this.#since ??= asked;
        },
      );
      await sleep(checkEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
