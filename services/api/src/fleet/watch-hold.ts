import { setTimeout as sleep } from 'node:timers/promises';
import type { Hold } from '@slipway/control-plane/jobs';
import { errorRow } from '@slipway/shared/errors';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';

const everyMs = 5_000;

interface WatchHoldOptions {
  readonly hold: Pick<Hold, 'get'>;
  readonly logger: Logger;
}

/** Warns in `/readyz` and in the log while jobs are held. */
export class HoldWatch implements Component {
  readonly name = 'hold watch';
  readonly #options: WatchHoldOptions;
  #isHeld = false;

  constructor(options: WatchHoldOptions) {
    this.#options = options;
  }

  warnings(): readonly string[] {
    if (!this.#isHeld) return [];
    const { title, remedy } = errorRow('jobs_held');
    return [`jobs_held: ${title}. ${remedy}`];
  }

  async run(signal: AbortSignal): Promise<void> {
    const { hold, logger } = this.#options;
    while (!signal.aborted) {
      try {
        const state = await hold.get();
        if (state && !this.#isHeld)
          logger.warn({ code: 'jobs_held', reason: state.reason }, errorRow('jobs_held').title);
        this.#isHeld = state !== undefined;
      } catch {
        // The guard reports a Redis that does not answer.
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
