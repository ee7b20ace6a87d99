import type { Cell } from '@slipway/control-plane/cell';
import { createSender } from '@slipway/control-plane/queues';
import { createDeliveryDispatcher, DeliveryStore, EndpointStore } from '@slipway/control-plane/webhooks';
import type { Logger } from '@slipway/shared/logger';
import { deriveKeys } from '@slipway/shared/signing';
import type { ApiConfig } from '../config.js';

interface WebhooksOptions {
  readonly cell: Cell;
  readonly config: ApiConfig;
  readonly logger: Logger;
}

export type Webhooks = ReturnType<typeof createWebhooks>;

/** Creates the stores of webhook endpoints and of deliveries, which it adds to their queue. */
export function createWebhooks({ cell, config, logger }: WebhooksOptions) {
  const { redis, keys, now, faults } = cell;
  const queue = createSender({ queue: 'deliveries', redis, keys });
  const deliveries: DeliveryStore = new DeliveryStore({
    redis,
    keys,
    faults,
    onMade: (ready) => void dispatch(ready),
  });
  const dispatch = createDeliveryDispatcher({ deliveries, queue, logger });
  const sealingKey = deriveKeys(config, 'callback secrets');
  return {
    webhooks: new EndpointStore({ redis, keys, now, faults, sealingKey }),
    deliveries,
    publicUrl: config.publicUrl,
  };
}
