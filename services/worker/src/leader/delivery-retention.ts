import type { DeliveryStore } from '@slipway/control-plane/webhooks';
import type { Fields } from '@slipway/shared/config';
import type { Logger } from '@slipway/shared/logger';
import type { LeaderTask } from './leader.js';
import type { RemovalBudget } from './removal-budget.js';

/** Retention of records of ended deliveries. */
export interface DeliveryRetentionConfig {
  readonly days: number;
  /** For those that did not arrive. */
  readonly failedDays: number;
  /** Ended deliveries of all kinds; the oldest go first. */
  readonly deliveries: number;
}

export function deliveryRetentionConfig(fields: Fields): DeliveryRetentionConfig {
  return {
    days: fields.int('RETENTION_DELIVERIES_DAYS', {
      doc: 'How long records of [webhook](../webhooks.md) deliveries that arrived are kept',
      default: 3,
      min: 1,
    }),
    failedDays: fields.int('RETENTION_FAILED_DELIVERIES_DAYS', {
      doc: 'The same for deliveries that failed or were canceled',
      default: 30,
      min: 1,
    }),
    deliveries: fields.int('RETENTION_DELIVERIES', {
      doc: 'Limit of records of ended deliveries. Beyond it the oldest are removed, those that arrived first',
      default: 100_000,
      min: 1,
    }),
  };
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
export class DeliveryRetention implements LeaderTask {
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
