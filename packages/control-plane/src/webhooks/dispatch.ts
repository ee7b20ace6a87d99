import type { Logger } from '@slipway/shared/logger';
import type { Sender } from '../queues/index.js';
import type { ReadyDelivery } from './operation.js';

interface DispatcherOptions {
  readonly deliveries: { dispatched(ids: readonly string[]): Promise<void> };
  readonly queue: Pick<Sender<'deliveries'>, 'add'>;
  readonly logger: Logger;
}

export type DeliveryDispatcher = (ready: readonly ReadyDelivery[]) => Promise<void>;

/** Limit of deliveries added at once: each is one script of BullMQ, and Redis must also serve other clients. */
const atOnce = 500;

/** Puts deliveries into the queue. Never rejects: the records exist, and the sweep of the leader retries. */
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
      logger.warn({ err: error, deliveries: ready.length }, 'cannot enqueue deliveries; the sweep retries');
    }
  };
}
