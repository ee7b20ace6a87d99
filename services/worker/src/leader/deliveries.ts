import type { Sender } from '@slipway/control-plane/queues';
import type { DeliveryStore, ReadyDelivery } from '@slipway/control-plane/webhooks';
import type { Logger } from '@slipway/shared/logger';
import type { Duty } from './leader.js';

interface DeliverySweepOptions {
  readonly deliveries: Pick<DeliveryStore, 'due' | 'dispatched' | 'wakeLanes'>;
  readonly queue: Pick<Sender<'deliveries'>, 'add' | 'missing'>;
  readonly logger: Logger;
}

const pageSize = 500;
/** At once, so that the other duties get their turn. */
const mostPages = 10;

/**
 * Adds deliveries to the queue that it does not hold: those whose writer died before it could, those in whose midst a worker died, and
 * those whose lane may be tried again because its pause is over. Adding is harmless when the queue holds them after all.
 */
export class DeliverySweep implements Duty {
  readonly name = 'deliveries';
  readonly everyMs = 500;
  readonly #options: DeliverySweepOptions;

  constructor(options: DeliverySweepOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { deliveries } = this.#options;
    await this.#add(await deliveries.wakeLanes());
    for (let page = 0; page < mostPages; page++) {
      const due = await deliveries.due(pageSize);
      await this.#add(due);
      if (due.length < pageSize) return;
    }
  }

  async #add(ready: readonly ReadyDelivery[]): Promise<void> {
    const { deliveries, queue, logger } = this.#options;
    if (ready.length === 0) return;
    const absent = new Set(await queue.missing(ready.map(({ queueId }) => queueId)));
    const missing = ready.filter(({ queueId }) => absent.has(queueId));
    await queue.add(missing.map(({ id, queueId }) => ({ id: queueId, data: { deliveryId: id } })));
    await deliveries.dispatched(ready.map(({ id }) => id));
    if (missing.length > 0)
      logger.info({ count: missing.length, first: missing[0]?.id }, 'put back into the queue');
  }
}
