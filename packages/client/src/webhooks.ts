import type { Client as FetchClient } from 'openapi-fetch';
import { dataOf } from './batches.js';
import type { components, operations, paths } from './schema.js';

type Schemas = components['schemas'];
export type Webhook = Schemas['Webhook'];
export type WebhookRequest = Schemas['WebhookRequest'];
export type WebhookPatch = Schemas['WebhookPatch'];
export type WebhookWithSecret = Schemas['WebhookWithSecret'];
export type WebhookPage = Schemas['WebhookPage'];
export type Delivery = Schemas['Delivery'];
/** A delivery without the bodies of its request and answers. */
export type DeliverySummary = Schemas['DeliverySummary'];
export type DeliveryPage = Schemas['DeliveryPage'];
type ListWebhooksQuery = NonNullable<operations['listWebhooks']['parameters']['query']>;
type ListWebhookDeliveriesQuery = NonNullable<operations['listWebhookDeliveries']['parameters']['query']>;
type ListDeliveriesQuery = NonNullable<operations['listDeliveries']['parameters']['query']>;

interface Call {
  readonly signal?: AbortSignal | undefined;
}
interface Named extends Call {
  readonly id: string;
}

export interface WebhookCalls {
  /** Creates an endpoint. Only this answer and that of a rotation contain the secret. */
  createWebhook(options: Call & { webhook: WebhookRequest }): Promise<WebhookWithSecret>;
  listWebhooks(options?: Call & { query?: ListWebhooksQuery }): Promise<WebhookPage>;
  getWebhook(options: Named): Promise<Webhook>;
  /** Replaces the given fields. */
  updateWebhook(options: Named & { patch: WebhookPatch }): Promise<Webhook>;
  deleteWebhook(options: Named): Promise<void>;
  /** Replaces the secret with the given one, or with a generated one. */
  rotateWebhookSecret(options: Named & { secret?: string }): Promise<WebhookWithSecret>;
  /** Sends the endpoint a `webhook.test`. */
  testWebhook(options: Named): Promise<Delivery>;
  listWebhookDeliveries(options: Named & { query?: ListWebhookDeliveriesQuery }): Promise<DeliveryPage>;
  /** Sends again all messages that the endpoint has missed since then (RFC 3339), each once. Returns their number. */
  recoverWebhook(options: Named & { since: string }): Promise<{ recovered: number }>;
  /** Returns deliveries of all endpoints and callbacks, newest first. */
  listDeliveries(options?: Call & { query?: ListDeliveriesQuery }): Promise<DeliveryPage>;
  getDelivery(options: Named): Promise<Delivery>;
  /** Sends the same message again. Returns the new delivery. */
  redeliver(options: Named): Promise<Delivery>;
}

interface WebhookCallsOptions {
  readonly api: FetchClient<paths>;
}

const signalOf = ({ signal }: Call) => (signal ? { signal } : {});

export function webhookCalls({ api }: WebhookCallsOptions): WebhookCalls {
  const named = ({ id, signal }: Named) => ({ params: { path: { id } }, ...signalOf({ signal }) });
  return {
    createWebhook: async ({ webhook, ...call }) =>
      dataOf(await api.POST('/v1/webhooks', { body: webhook, ...signalOf(call) })),
    async listWebhooks({ query = {}, ...call } = {}) {
      return dataOf(await api.GET('/v1/webhooks', { params: { query }, ...signalOf(call) }));
    },
    getWebhook: async (call) => dataOf(await api.GET('/v1/webhooks/{id}', named(call))),
    updateWebhook: async ({ patch, ...call }) =>
      dataOf(await api.PATCH('/v1/webhooks/{id}', { body: patch, ...named(call) })),
    async deleteWebhook(call) {
      await api.DELETE('/v1/webhooks/{id}', named(call));
    },
    async rotateWebhookSecret({ secret, ...call }) {
      const body = secret === undefined ? {} : { secret };
      return dataOf(await api.POST('/v1/webhooks/{id}/rotate', { body, ...named(call) }));
    },
    testWebhook: async (call) => dataOf(await api.POST('/v1/webhooks/{id}/test', { ...named(call) })),
    async listWebhookDeliveries({ id, query = {}, ...call }) {
      const params = { path: { id }, query };
      return dataOf(await api.GET('/v1/webhooks/{id}/deliveries', { params, ...signalOf(call) }));
    },
    async recoverWebhook({ since, ...call }) {
      const options = { body: { since }, ...named(call) };
      return dataOf(await api.POST('/v1/webhooks/{id}/recover', options));
    },
    async listDeliveries({ query = {}, ...call } = {}) {
      return dataOf(await api.GET('/v1/deliveries', { params: { query }, ...signalOf(call) }));
    },
    getDelivery: async (call) => dataOf(await api.GET('/v1/deliveries/{id}', named(call))),
    redeliver: async (call) => dataOf(await api.POST('/v1/deliveries/{id}/redeliver', { ...named(call) })),
  };
}
