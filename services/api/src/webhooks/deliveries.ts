import { randomBytes } from 'node:crypto';
import {
  type DeliveryRecord,
  type DeliveryStore,
  type EndpointRecord,
  type EndpointStore,
  type NewDelivery,
  toDelivery,
} from '@slipway/control-plane/webhooks';
import { deliverySchema, type WebhookMessage } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Response } from 'express';
import type { z } from 'zod';
import { accountOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import {
  deliveriesQuery,
  deliveryPageSchema,
  deliveryPath,
  endpointDeliveriesQuery,
  endpointPath,
  recoveredSchema,
  recoverSchema,
} from './contract.js';
import { enabledEndpoint, existingEndpoint } from './existing.js';

export interface DeliveryEndpointsDeps {
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  readonly webhooks: Pick<EndpointStore, 'get'>;
  readonly deliveries: Pick<DeliveryStore, 'create' | 'get' | 'list' | 'redeliver' | 'recover'>;
  /** Public URL of the API, if configured. */
  readonly publicUrl: string | undefined;
}

const tenantOf = (res: Response) => accountOf(res).name;
const page = { 200: { description: 'A page', content: { 'application/json': deliveryPageSchema } } };
const accepted = {
  202: {
    description: 'The new delivery, which a worker sends soon',
    content: { 'application/json': deliverySchema },
    headers: { Location: 'URL to poll' },
  },
};

export function deliveryEndpoints({
  webhooks,
  deliveries,
  publicUrl,
  now,
}: DeliveryEndpointsDeps): Endpoint[] {
  const existing = async (id: string, res: Response): Promise<DeliveryRecord> => {
    const record = await deliveries.get(tenantOf(res), id);
    if (!record) throw new SlipwayError('not_found', `There is no delivery ${id}.`);
    return record;
  };
  const accept = (record: DeliveryRecord, res: Response) =>
    res.location(`/v1/deliveries/${record.id}`).status(202).json(toDelivery(record));
  const list = async (
    { cursor, ...filter }: z.output<typeof deliveriesQuery> & { readonly endpoint?: string },
    res: Response,
  ) => {
    const { records, next } = await deliveries.list({ ...filter, tenant: tenantOf(res), before: cursor });
    res.json({ deliveries: records.map(summary), ...(next !== undefined && { next_cursor: next }) });
  };
  return [
    endpoint(
      {
        id: 'testWebhook',
        method: 'post',
        path: '/v1/webhooks/{id}/test',
        scope: 'webhooks:write',
        tag: 'Webhooks',
        summary: 'Send an endpoint a `webhook.test`',
        description:
          'Signed, sent and retried like any other message, for any events of the endpoint. A disabled endpoint is not tested.',
        params: endpointPath,
        answers: accepted,
        errors: ['not_found', 'webhook_disabled'],
      },
      async ({ params: { id }, res }) => {
        const record = await enabledEndpoint(webhooks, tenantOf(res), id);
        const delivery = testDelivery({ endpoint: record, publicUrl, now: now() });
        await deliveries.create([delivery]);
        accept(await existing(delivery.id, res), res);
      },
    ),
    endpoint(
      {
        id: 'listWebhookDeliveries',
        method: 'get',
        path: '/v1/webhooks/{id}/deliveries',
        scope: 'webhooks:read',
        tag: 'Webhooks',
        summary: 'The deliveries to an endpoint, newest first',
        params: endpointPath,
        query: endpointDeliveriesQuery,
        answers: page,
        errors: ['request_invalid', 'not_found'],
      },
      async ({ params: { id }, query, res }) => {
        await existingEndpoint(webhooks, tenantOf(res), id);
        await list({ ...query, endpoint: id }, res);
      },
    ),
    endpoint(
      {
        id: 'recoverWebhook',
        method: 'post',
        path: '/v1/webhooks/{id}/recover',
        scope: 'webhooks:write',
        tag: 'Webhooks',
        summary: 'Send missed messages of an endpoint again',
        description:
          'Sends messages again whose deliveries failed or were canceled since then, each once. Messages that arrived in the meantime are left out.',
        params: endpointPath,
        body: recoverSchema,
        answers: {
          202: {
            description: 'The number of deliveries in progress',
            content: { 'application/json': recoveredSchema },
          },
        },
        errors: ['json_invalid', 'request_invalid', 'not_found', 'webhook_disabled'],
      },
      async ({ params: { id }, body: { since }, res }) => {
        const { tenant } = await enabledEndpoint(webhooks, tenantOf(res), id);
        const recovered = await deliveries.recover({ tenant, endpoint: id, since: Date.parse(since) });
        res.status(202).json({ recovered });
      },
    ),
    endpoint(
      {
        id: 'listDeliveries',
        method: 'get',
        path: '/v1/deliveries',
        scope: 'webhooks:read',
        tag: 'Webhooks',
        summary: 'All deliveries, newest first, callbacks included',
        query: deliveriesQuery,
        answers: page,
        errors: ['request_invalid'],
      },
      ({ query, res }) => list(query, res),
    ),
    endpoint(
      {
        id: 'getDelivery',
        method: 'get',
        path: '/v1/deliveries/{id}',
        scope: 'webhooks:read',
        tag: 'Webhooks',
        summary: 'A delivery, with its body and the answer to each attempt',
        params: deliveryPath,
        answers: {
          200: { description: 'The delivery', content: { 'application/json': deliverySchema } },
        },
        errors: ['not_found'],
      },
      async ({ params: { id }, res }) => {
        res.json(toDelivery(await existing(id, res)));
      },
    ),
    endpoint(
      {
        id: 'redeliver',
        method: 'post',
        path: '/v1/deliveries/{id}/redeliver',
        scope: 'webhooks:write',
        tag: 'Webhooks',
        summary: 'Send the message of a delivery again, as a new delivery',
        description:
          'With the same `webhook-id` and body, for any state of the old delivery, which does not change.',
        params: deliveryPath,
        answers: accepted,
        errors: ['not_found', 'webhook_disabled', 'webhook_deleted'],
      },
      async ({ params: { id }, res }) => {
        const tenant = tenantOf(res);
        const { endpointId } = await existing(id, res);
        if (endpointId !== undefined) await redeliverable(webhooks, tenant, endpointId);
        const record = await deliveries.redeliver(tenant, id);
        if (!record) throw new SlipwayError('not_found', `There is no delivery ${id}.`);
        accept(record, res);
      },
    ),
  ];
}

/** Throws `webhook_deleted` or `webhook_disabled`. */
async function redeliverable(webhooks: Pick<EndpointStore, 'get'>, tenant: string, id: string) {
  if (!(await webhooks.get(tenant, id))) {
    throw new SlipwayError('webhook_deleted', `The endpoint ${id} was deleted.`);
  }
  await enabledEndpoint(webhooks, tenant, id);
}

/** Returns a delivery for a list, without its bodies. */
function summary(record: DeliveryRecord) {
  const { request: _request, attempts, ...outline } = toDelivery(record);
  return { ...outline, attempts: attempts.map(({ response: _response, ...attempt }) => attempt) };
}

interface TestOptions {
  readonly endpoint: EndpointRecord;
  /** Public URL of the API, if configured; without a slash at its end. */
  readonly publicUrl: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Returns a delivery of a test message, which is about its endpoint alone. Each test has a new message id. */
function testDelivery({ endpoint, publicUrl = '', now }: TestOptions): NewDelivery {
  const { id, tenant, url, format } = endpoint;
  const unique = randomBytes(16).toString('hex');
  // Numbered like other messages about endpoints: milliseconds, then the position among messages of the same one.
  const sequence = now * 1_000;
  const message: WebhookMessage = {
    type: 'webhook.test',
    api_version: 'v1',
    timestamp: new Date(now).toISOString(),
    data: { sequence, url: `${publicUrl}/v1/webhooks/${id}`, webhook: { id, url } },
  };
  return {
    id: `dlv_${unique}`,
    messageId: `msg_${id}_${unique}`,
    tenant,
    lane: `endpoint:${id}`,
    endpointId: id,
    url,
    type: message.type,
    sequence,
    format,
    body: JSON.stringify(message),
  };
}
