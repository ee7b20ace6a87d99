import type { Logger } from '@slipway/shared/logger';
import type { Sender } from '../queues/index.js';
import type { ReadyDelivery } from './operation.js';

interface DispatcherOptions {
  readonly deliveries: { dispatched(ids: readonly string[]): Promise<void> };
  readonly queue: Pick<Sender<'deliveries'>, 'add'>;
  readonly logger: Logger;
}

export type DeliveryDispatcher = (ready: readonly ReadyDelivery[]) => Promise<void>;

/** So many are added at once: one script of BullMQ each, and Redis has others to answer too. */
const atOnce = 500;

/** Puts deliveries into the queue. Never rejects: their records stand, and the leading worker's sweep does it otherwise. */
export function createDeliveryDispatcher(options: DispatcherOptions): DeliveryDispatcher {
  const { deliveries, queue, logger } = options;
  return async (ready) => {
    try {
      for (let at = 0; at < ready.length; at += atOnce) {
        const some = ready.slice(at, at + atOnce);
        await queue.add(some.map(({ id, queueId }) => ({ id: queueId, data: { deliveryId: id } })));
        await deliveries.dispatched(some.map(({ id }) => id));
      }
    } catch (error) {
      logger.warn({ err: error, deliveries: ready.length }, 'left to the sweep to queue');
    }
  };
}
