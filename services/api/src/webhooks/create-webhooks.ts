import type { Cell } from '@slipway/control-plane/cell';
import { DeliveryStore, EndpointStore } from '@slipway/control-plane/webhooks';
import { deriveKeys } from '@slipway/shared/signing';
import type { ApiConfig } from '../config.js';

interface WebhooksOptions {
  readonly cell: Cell;
  readonly config: ApiConfig;
}

export type Webhooks = ReturnType<typeof createWebhooks>;

/** Creates the stores of webhook endpoints and of deliveries. */
export function createWebhooks({ cell, config }: WebhooksOptions) {
  const { redis, keys, now, faults } = cell;
  const sealingKey = deriveKeys(config, 'callback secrets');
  return {
    webhooks: new EndpointStore({ redis, keys, now, faults, sealingKey }),
    deliveries: new DeliveryStore({ redis, keys, faults }),
    publicUrl: config.publicUrl,
  };
}
