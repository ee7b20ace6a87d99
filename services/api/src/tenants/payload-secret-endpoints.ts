import { toPayloadSecret } from '@slipway/control-plane/tenants';
import { createdPayloadSecretSchema, payloadSecretSchema, tenantNameSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';
import { type Endpoint, endpoint } from '../http/operation.js';
import type { TenantEndpointsDeps } from './deps.js';

const path = z.object({ name: tenantNameSchema });
const secretPath = path.extend({ id: payloadSecretSchema.shape.id });

const listSchema = z
  .object({ payload_secrets: z.array(payloadSecretSchema) })
  .meta({ id: 'PayloadSecretList' });

export function payloadSecretEndpoints({
  tenants,
  payloadSecrets,
  directory,
}: TenantEndpointsDeps): Endpoint[] {
  const checkKnown = async (name: string) => {
    if (!(await tenants.get(name))) throw new SlipwayError('not_found', `There is no tenant ${name}.`);
  };
  return [
    endpoint(
      {
        id: 'createPayloadSecret',
        method: 'post',
        path: '/v1/tenants/{name}/payload-secrets',
        scope: 'admin',
        tag: 'Tenants',
        summary: 'Create a secret for signing payloads of POST /build',
        description:
          'A payload signed with it becomes a job of the tenant. A tenant may have several, so that a secret can be replaced.',
        params: path,
        // Answers to requests with a key are stored; a secret that is shown once must not be.
        idempotencyKey: false,
        answers: {
          201: {
            description: 'The secret, shown this once',
            content: { 'application/json': createdPayloadSecretSchema },
          },
        },
        errors: ['not_found', 'request_invalid', 'payload_secret_limit'],
      },
      async ({ params: { name }, res }) => {
        await checkKnown(name);
        const record = await payloadSecrets.create(name);
        directory.forget();
        try {
          await checkKnown(name);
        } catch (error) {
          await payloadSecrets.remove(name, record.id);
          throw error;
        }
        res
          .status(201)
          .set('Cache-Control', 'no-store')
          .location(`/v1/tenants/${name}/payload-secrets/${record.id}`)
          .json({ ...toPayloadSecret(record), secret: record.secret.reveal() });
      },
    ),
    endpoint(
      {
        id: 'listPayloadSecrets',
        method: 'get',
        path: '/v1/tenants/{name}/payload-secrets',
        scope: 'admin',
        tag: 'Tenants',
        summary: 'The payload secrets of a tenant, without the secrets themselves',
        description: 'The payload secret of the installation (`PAYLOAD_SECRET`) is not listed.',
        params: path,
        answers: { 200: { description: 'All of them', content: { 'application/json': listSchema } } },
        errors: ['not_found', 'request_invalid'],
      },
      async ({ params: { name }, res }) => {
        await checkKnown(name);
        res.json({ payload_secrets: (await payloadSecrets.list(name)).map(toPayloadSecret) });
      },
    ),
    endpoint(
      {
        id: 'deletePayloadSecret',
        method: 'delete',
        path: '/v1/tenants/{name}/payload-secrets/{id}',
        scope: 'admin',
        tag: 'Tenants',
        summary: 'Remove a payload secret',
        description: 'Payloads signed with it are refused from then on; accepted payloads are built.',
        params: secretPath,
        answers: { 204: { description: 'Removed' } },
        errors: ['not_found', 'request_invalid', 'tenant_managed'],
      },
      async ({ params: { name, id }, res }) => {
        const record = (await payloadSecrets.list(name)).find((each) => each.id === id);
        if (record?.managedBy === 'file') {
          throw new SlipwayError('tenant_managed', `${id} comes from the tenants file.`);
        }
        const known = await payloadSecrets.remove(name, id);
        directory.forget();
        if (!known) throw new SlipwayError('not_found', `${name} has no payload secret ${id}.`);
        res.status(204).end();
      },
    ),
  ];
}
