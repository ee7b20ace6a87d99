import { randomBytes } from 'node:crypto';
import { DeliveryStore, EndpointStore, type NewDelivery } from '@slipway/control-plane/webhooks';
import { Secret } from '@slipway/shared/config';
import { type EndpointRequest, endpointRequestSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { deriveKey } from '@slipway/shared/signing';
import { afterEach, beforeEach, expect } from 'vitest';
import type { WorkerConfig } from '../config.js';
import { type Receiver, startReceiver } from './receiver.js';
import { createInstallation, type Installation, payloadSecret } from './start-worker.js';

/** The state of one test of webhooks: its own installation with the stores of endpoints and deliveries. */
interface Webhooks {
  installation: Installation;
  endpoints: EndpointStore;
  deliveries: DeliveryStore;
  /** Called after the test, before the workers stop. Requests that hang would delay them. */
  closing: (() => Promise<unknown>)[];
}

/** Registers hooks that give each test of a file its own installation. Returns it with functions for tests of webhooks. */
export function useWebhooks(redisUrl: string) {
  const webhooks = {} as Webhooks;
  beforeEach(async () => {
    const installation = await createInstallation(redisUrl);
    const { redis, keys } = installation;
    const sealingKey = deriveKey(new Secret(payloadSecret), 'callback secrets');
    const endpoints = new EndpointStore({ redis, keys, sealingKey });
    Object.assign(webhooks, {
      installation,
      endpoints,
      deliveries: new DeliveryStore({ redis, keys }),
      closing: [],
    });
  });
  afterEach(async () => {
    await Promise.all(webhooks.closing.map((close) => close()));
    await webhooks.installation.dispose();
  });

  return {
    webhooks,

    async receiver(): Promise<Receiver> {
      const started = await startReceiver();
      webhooks.closing.push(() => started.close());
      return started;
    },

    async endpoint(to: Receiver | string, changes: Partial<EndpointRequest> = {}, tenant = 'default') {
      const url = typeof to === 'string' ? to : to.url;
      const request = endpointRequestSchema.parse({ url, ...changes });
      const { endpoint, secret } = await webhooks.endpoints.create(tenant, request);
      return { id: endpoint.id, secret };
    },

    /** Without replicas by default, so nothing is built. */
    startWorker: (changes: Partial<WorkerConfig> = {}, builders = ['http://127.0.0.1:1']) =>
      webhooks.installation.startWorker(builders, changes),

    /** Creates a job that ends at once, with the events `job.queued` and `job.canceled`. */
    async canceled(changes: object = {}, tenant = 'default'): Promise<string> {
      const id = newId('job');
      await webhooks.installation.create(id, changes, { tenant: { name: tenant, weight: 1 } });
      await webhooks.installation.store.cancel(id);
      return id;
    },

    /** Returns the deliveries to an endpoint, newest first. */
    async deliveriesTo(endpointId: string) {
      const filter = { tenant: 'default', endpoint: endpointId, limit: 100 };
      return (await webhooks.deliveries.list(filter)).records;
    },
  };
}

export const arrived = (hook: Receiver, count: number) =>
  expect.poll(() => hook.calls.length).toBeGreaterThanOrEqual(count);

/** Returns the type and the job of each message. */
export const received = (hook: Receiver) =>
  hook.messages().map(({ type, data }) => [type, 'job' in data ? data.job.id : undefined]);

/** Returns a delivery of a test message. */
export const testMessage = (endpointId: string, url: string): NewDelivery => ({
  id: `dlv_${randomBytes(16).toString('hex')}`,
  messageId: `msg_${randomBytes(8).toString('hex')}`,
  tenant: 'default',
  lane: `endpoint:${endpointId}`,
  endpointId,
  url,
  type: 'webhook.test',
  sequence: 1,
  format: { type: 'standard' },
  body: JSON.stringify({
    type: 'webhook.test',
    api_version: 'v1',
    timestamp: new Date().toISOString(),
    data: { sequence: 1, url: '/', webhook: { id: endpointId, url } },
  }),
});
