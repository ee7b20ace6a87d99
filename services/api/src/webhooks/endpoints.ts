import { type EndpointRecord, type EndpointStore, toEndpoint } from '@slipway/control-plane/webhooks';
import { endpointPatchSchema, endpointRequestSchema, endpointSchema } from '@slipway/shared/contracts';
import type { Allowlist } from '@slipway/shared/egress';
import type { Response } from 'express';
import { accountOf, principalOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { checkEndpoint } from './checks.js';
import {
  endpointPageSchema,
  endpointPath,
  endpointsQuery,
  endpointWithSecretSchema,
  rotateSchema,
} from './contract.js';
import { existingEndpoint, missingEndpoint } from './existing.js';

export interface WebhookEndpointsDeps {
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  readonly webhooks: Pick<
    EndpointStore,
    'create' | 'get' | 'list' | 'update' | 'remove' | 'rotate' | 'circuitOpenUntil'
  >;
  readonly egressAllow: Allowlist;
}

const shown = { 200: { description: 'The endpoint', content: { 'application/json': endpointSchema } } };
const tenantOf = (res: Response) => accountOf(res).name;

export function webhookEndpoints({ webhooks, egressAllow, now }: WebhookEndpointsDeps): Endpoint[] {
  const show = async (record: EndpointRecord) =>
    toEndpoint(record, { circuitOpenUntil: await webhooks.circuitOpenUntil(record.id), now: now() });
  return [
    endpoint(
      {
        id: 'createWebhook',
        method: 'post',
        path: '/v1/webhooks',
        scope: 'webhooks:write',
        tag: 'Webhooks',
        summary: 'Create an endpoint for events',
        description:
          'Only this answer and that of a rotation show the secret. Events of builders need the installation token.',
        body: endpointRequestSchema,
        answers: {
          201: {
            description: 'The endpoint, with its secret',
            content: { 'application/json': endpointWithSecretSchema },
            headers: { Location: 'URL of the endpoint' },
          },
        },
        errors: ['json_invalid', 'request_invalid', 'egress_denied', 'forbidden', 'webhook_limit'],
      },
      async ({ body, res }) => {
        checkEndpoint({ endpoint: body, principal: principalOf(res), egressAllow });
        const tenant = tenantOf(res);
        const { endpoint: record, secret } = await webhooks.create(tenant, body);
        res
          .location(`/v1/webhooks/${record.id}`)
          .status(201)
          .json({ ...(await show(record)), secret });
      },
    ),
    endpoint(
      {
        id: 'listWebhooks',
        method: 'get',
        path: '/v1/webhooks',
        scope: 'webhooks:read',
        tag: 'Webhooks',
        summary: 'Endpoints, in the order of their creation',
        query: endpointsQuery,
        answers: { 200: { description: 'A page', content: { 'application/json': endpointPageSchema } } },
        errors: ['request_invalid'],
      },
      async ({ query: { limit, cursor }, res }) => {
        const records = await webhooks.list(tenantOf(res), { limit: limit + 1, after: cursor });
        const page = records.slice(0, limit);
        const next = records.length > limit ? page.at(-1)?.id : undefined;
        res.json({
          webhooks: await Promise.all(page.map(show)),
          ...(next !== undefined && { next_cursor: next }),
        });
      },
    ),
    endpoint(
      {
        id: 'getWebhook',
        method: 'get',
        path: '/v1/webhooks/{id}',
        scope: 'webhooks:read',
        tag: 'Webhooks',
        summary: 'An endpoint, with its delivery status',
        params: endpointPath,
        answers: shown,
        errors: ['not_found'],
      },
      async ({ params: { id }, res }) => {
        res.json(await show(await existingEndpoint(webhooks, tenantOf(res), id)));
      },
    ),
    endpoint(
      {
        id: 'updateWebhook',
        method: 'patch',
        path: '/v1/webhooks/{id}',
        scope: 'webhooks:write',
        tag: 'Webhooks',
        summary: 'Change an endpoint',
        description:
          'Replaces the given fields and keeps the others. Enabling clears the reason for disabling; disabling cancels undelivered messages.',
        params: endpointPath,
        body: endpointPatchSchema,
        answers: shown,
        errors: ['json_invalid', 'request_invalid', 'egress_denied', 'forbidden', 'not_found'],
      },
      async ({ params: { id }, body, res }) => {
        const { url, format, events } = await existingEndpoint(webhooks, tenantOf(res), id);
        const together = {
          url: body.url ?? url,
          format: body.format ?? format,
          events: body.events ?? events,
        };
        checkEndpoint({ endpoint: together, principal: principalOf(res), egressAllow });
        const record = await webhooks.update(tenantOf(res), id, body);
        if (!record) throw missingEndpoint(id);
        res.json(await show(record));
      },
    ),
    endpoint(
      {
        id: 'deleteWebhook',
        method: 'delete',
        path: '/v1/webhooks/{id}',
        scope: 'webhooks:write',
        tag: 'Webhooks',
        summary: 'Delete an endpoint',
        description: 'Undelivered messages are canceled; the log of deliveries expires with its age.',
        params: endpointPath,
        answers: { 204: { description: 'Removed' } },
        errors: ['not_found'],
      },
      async ({ params: { id }, res }) => {
        if (!(await webhooks.remove(tenantOf(res), id))) throw missingEndpoint(id);
        res.status(204).end();
      },
    ),
    endpoint(
      {
        id: 'rotateWebhookSecret',
        method: 'post',
        path: '/v1/webhooks/{id}/rotate',
        scope: 'webhooks:write',
        tag: 'Webhooks',
        summary: 'Rotate the secret of an endpoint',
        description: 'For 24 hours messages are signed with the previous secret as well.',
        params: endpointPath,
        body: rotateSchema,
        answers: {
          200: {
            description: 'The endpoint, with its new secret',
            content: { 'application/json': endpointWithSecretSchema },
          },
        },
        errors: ['json_invalid', 'request_invalid', 'not_found'],
      },
      async ({ params: { id }, body, res }) => {
        const rotated = await webhooks.rotate(tenantOf(res), id, body.secret);
        if (!rotated) throw missingEndpoint(id);
        res.json({ ...(await show(rotated.endpoint)), secret: rotated.secret });
      },
    ),
  ];
}
