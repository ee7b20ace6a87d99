import type { DeliveryStore } from '@slipway/control-plane/webhooks';
import type { Logger } from '@slipway/shared/logger';
import type { Duty } from './leader.js';
import type { RemovalBudget } from './removal-budget.js';

/** Retention of records of ended deliveries. */
export interface DeliveryRetentionConfig {
  readonly days: number;
  /** For those that did not arrive. */
  readonly failedDays: number;
  /** Ended deliveries of all kinds; the oldest go first. */
  readonly deliveries: number;
}

interface DeliveryRetentionOptions {
  readonly deliveries: Pick<DeliveryStore, 'prune' | 'countEnded'>;
  readonly config: DeliveryRetentionConfig;
  /** Limits how many records may be removed for their age. */
  readonly budget: Pick<RemovalBudget, 'left' | 'spent'>;
  readonly logger: Logger;
}

const dayMs = 24 * 3600 * 1_000;

/** Removes the records of deliveries that ended long ago, or of which there are too many; some a call. */
export class DeliveryRetention implements Duty {
  readonly name = 'delivery retention';
  readonly everyMs = 1_000;
  readonly #options: DeliveryRetentionOptions;

  constructor(options: DeliveryRetentionOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { deliveries, config, budget, logger } = this.#options;
    const { days, failedDays, deliveries: max } = config;
    const mostOld = await budget.left(await deliveries.countEnded());
    const kept = { deliveredMs: days * dayMs, failedMs: failedDays * dayMs, max, mostOld };
    const { removed, old } = await deliveries.prune(kept);
    await budget.spent(old);
    if (removed > 0) logger.info({ removed }, 'removed records of ended deliveries');
  }
}
