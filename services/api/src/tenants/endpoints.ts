import { onlyReadable } from '@slipway/control-plane/records';
import { type TenantRecord, toTenant } from '@slipway/control-plane/tenants';
import {
  defaultTenantName,
  tenantNameSchema,
  tenantSchema,
  tenantSettingsSchema,
  whoamiSchema,
} from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';
import { principalOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import type { TenantEndpointsDeps } from './deps.js';
import { payloadSecretEndpoints } from './payload-secret-endpoints.js';
import { removeTenant, revokeAll } from './remove-tenant.js';
import { tokenEndpoints } from './token-endpoints.js';

const path = z.object({ name: tenantNameSchema });

const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: tenantNameSchema.optional().describe('`next_cursor` of the previous page'),
});

const tenantPageSchema = z
  .object({
    tenants: z.array(tenantSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'TenantPage' });

/** Returns the endpoints of tenants, their tokens and payload secrets. */
export function tenantEndpoints(deps: TenantEndpointsDeps): Endpoint[] {
  const { tenants, tokens, directory } = deps;
  const missing = (name: string) => new SlipwayError('not_found', `There is no tenant ${name}.`);
  // Unreadable records may be replaced or removed.
  const readable = async (name: string) => (await onlyReadable([tenants.get(name)]))[0];
  const show = async (record: TenantRecord) => toTenant(record, await tenants.usage(record));
  return [
    endpoint(
      {
        id: 'whoami',
        method: 'get',
        path: '/v1/me',
        scope: 'jobs:read',
        tag: 'Tenants',
        summary: 'The tenant and the permissions of the calling token',
        answers: {
          200: {
            description: 'The tenant, and the token',
            content: { 'application/json': whoamiSchema },
          },
        },
        errors: [],
      },
      async ({ res }) => {
        const { account, scopes, token } = principalOf(res);
        const [tenant, record] = await Promise.all([tenants.get(account.name), tokens.get(token)]);
        // The tenant was removed during the request.
        if (!tenant) throw new SlipwayError('unauthorized', 'The bearer token is not valid.');
        res.json({
          tenant: await show(tenant),
          token: {
            id: token,
            ...(record && { description: record.description }),
            scopes,
            ...(record?.expiresAt !== undefined && { expires_at: new Date(record.expiresAt).toISOString() }),
          },
        });
      },
    ),
    endpoint(
      {
        id: 'listTenants',
        method: 'get',
        path: '/v1/tenants',
        scope: 'admin',
        tag: 'Tenants',
        summary: 'Tenants, by name',
        query: listQuery,
        answers: { 200: { description: 'A page', content: { 'application/json': tenantPageSchema } } },
        errors: ['request_invalid'],
      },
      async ({ query: { limit, cursor }, res }) => {
        const stored = await tenants.list({ limit, after: cursor });
        const page = withDefault(stored, await tenants.get(defaultTenantName), cursor).slice(0, limit);
        const next = page.length === limit ? page.at(-1)?.name : undefined;
        res.json({
          tenants: await Promise.all(page.map(show)),
          ...(next !== undefined && { next_cursor: next }),
        });
      },
    ),
    endpoint(
      {
        id: 'getTenant',
        method: 'get',
        path: '/v1/tenants/{name}',
        scope: 'admin',
        tag: 'Tenants',
        summary: 'A tenant, with its current usage',
        params: path,
        answers: { 200: { description: 'The tenant', content: { 'application/json': tenantSchema } } },
        errors: ['not_found', 'request_invalid'],
      },
      async ({ params: { name }, res }) => {
        const record = await tenants.get(name);
        if (!record) throw missing(name);
        res.json(await show(record));
      },
    ),
    endpoint(
      {
        id: 'putTenant',
        method: 'put',
        path: '/v1/tenants/{name}',
        scope: 'admin',
        tag: 'Tenants',
        summary: 'Create or replace a tenant',
        description:
          'Replaces all settings. Absent `limits` are unlimited. Accepted jobs keep the earlier settings.',
        params: path,
        body: tenantSettingsSchema,
        answers: {
          201: { description: 'Created', content: { 'application/json': tenantSchema } },
          200: { description: 'Replaced', content: { 'application/json': tenantSchema } },
        },
        errors: ['request_invalid', 'json_invalid', 'media_type_unsupported', 'tenant_managed'],
      },
      async ({ params: { name }, body, res }) => {
        const before = await readable(name);
        checkUnmanaged(before);
        // An earlier removal of a tenant with this name may be incomplete.
        if (!before) await revokeAll(name, deps);
        await tenants.put(name, body);
        directory.forget();
        const record = await tenants.get(name);
        if (!record) throw missing(name);
        res
          .status(before ? 200 : 201)
          .location(`/v1/tenants/${name}`)
          .json(await show(record));
      },
    ),
    endpoint(
      {
        id: 'deleteTenant',
        method: 'delete',
        path: '/v1/tenants/{name}',
        scope: 'admin',
        tag: 'Tenants',
        summary: 'Remove a tenant',
        description:
          'Its tokens and payload secrets stop working, and its webhook endpoints are removed. Its jobs stay, and waiting jobs are built. The default tenant cannot be removed.',
        params: path,
        answers: { 204: { description: 'Removed' } },
        errors: ['not_found', 'request_invalid', 'tenant_managed', 'tenant_permanent'],
      },
      async ({ params: { name }, res }) => {
        if (name === defaultTenantName) throw new SlipwayError('tenant_permanent');
        checkUnmanaged(await readable(name));
        const known = await removeTenant(name, deps);
        directory.forget();
        if (!known) throw missing(name);
        res.status(204).end();
      },
    ),
    ...payloadSecretEndpoints(deps),
    ...tokenEndpoints(deps),
  ];
}

/** Adds the default tenant, which exists without stored settings. */
function withDefault(
  stored: readonly TenantRecord[],
  known: TenantRecord | undefined,
  after = '',
): readonly TenantRecord[] {
  if (!known || after >= known.name || stored.some(({ name }) => name === known.name)) return stored;
  return [...stored, known].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function checkUnmanaged(record: TenantRecord | undefined): void {
  if (record?.managedBy !== 'file') return;
  throw new SlipwayError('tenant_managed', `The tenants file defines ${record.name}.`);
}
