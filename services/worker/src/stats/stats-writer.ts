import { setTimeout as sleep } from 'node:timers/promises';
import type { MinuteCounts, StatsStore } from '@slipway/control-plane/stats';
import type { Cleanups, Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';

interface StatsWriterOptions {
  readonly counts: Pick<MinuteCounts, 'take'>;
  readonly store: Pick<StatsStore, 'add'>;
  readonly cleanups: Cleanups;
  readonly logger: Logger;
}

const everyMs = 2_000;

/**
 * Writes what was counted every two seconds, away from the jobs, and once more when everything else has stopped. Counts that cannot be
 * written are lost: nothing is written twice, and nothing waits for it.
 */
export class StatsWriter implements Component {
  readonly name = 'stats';
  readonly #options: StatsWriterOptions;

  constructor(options: StatsWriterOptions) {
    this.#options = options;
    options.cleanups.defer('stats', () => this.#write());
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      await this.#write();
    }
  }

  async #write(): Promise<void> {
    const { counts, store, logger } = this.#options;
    const taken = counts.take();
    if (taken.size === 0) return;
    try {
      await store.add(taken);
    } catch (error) {
      logger.warn({ err: error }, 'counts for the series were not written');
    }
  }
}
