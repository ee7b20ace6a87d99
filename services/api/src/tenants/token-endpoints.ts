import { ofTenant, UnreadableRecord } from '@slipway/control-plane/records';
import { type TokenRecord, toToken } from '@slipway/control-plane/tenants';
import {
  createdTokenSchema,
  defaultTenantName,
  type TokenRequest,
  tenantNameSchema,
  tokenIdSchema,
  tokenRequestSchema,
  tokenSchema,
} from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Response } from 'express';
import { z } from 'zod';
import { accountOf, allows, principalOf, requireScope } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import type { TenantEndpointsDeps } from './deps.js';
import type { Principal } from './directory.js';

const path = z.object({ id: tokenIdSchema });

const listQuery = z.strictObject({
  tenant: tenantNameSchema
    .optional()
    .describe("Defaults to the caller's own tenant; another one needs `admin`"),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: tokenIdSchema.optional().describe('`next_cursor` of the previous page'),
});

const tokenPageSchema = z
  .object({
    tokens: z.array(tokenSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'TokenPage' });

const dayMs = 24 * 60 * 60 * 1000;

export function tokenEndpoints({ tenants, tokens, directory, now }: TenantEndpointsDeps): Endpoint[] {
  const missing = (id: string) => new SlipwayError('not_found', `There is no token ${id}.`);
  /** Returns the tenant of the request. Throws if the caller may not act for it. */
  const tenantOf = async (given: string | undefined, res: Response): Promise<string> => {
    const { name: own } = accountOf(res);
    if (given === undefined || given === own) return own;
    requireScope(res, 'admin');
    await checkKnown(given);
    return given;
  };
  const checkKnown = async (tenant: string) => {
    if (await tenants.get(tenant)) return;
    const message = `There is no tenant ${tenant}`;
    throw new SlipwayError('tenant_not_found', `${message}.`, { errors: [{ path: '/tenant', message }] });
  };
  const existing = async (id: string, res: Response): Promise<TokenRecord> => {
    const { account, scopes } = principalOf(res);
    const reading = tokens.get(id);
    const record = await (allows(scopes, 'admin') ? reading : ofTenant(account.name, reading));
    if (!record) throw missing(id);
    return record;
  };
  return [
    endpoint(
      {
        id: 'createToken',
        method: 'post',
        path: '/v1/tokens',
        scope: 'tokens:admin',
        tag: 'Tokens',
        summary: 'Create an API token',
        description:
          "Its scopes must be a subset of the calling token's scopes. `admin` is for tokens of the default tenant alone.",
        body: tokenRequestSchema,
        // Answers to requests with a key are stored; a secret that is shown once must not be.
        idempotencyKey: false,
        answers: {
          201: {
            description: 'The token, whose text is shown this once',
            content: { 'application/json': createdTokenSchema },
          },
        },
        errors: [
          'request_invalid',
          'json_invalid',
          'media_type_unsupported',
          'tenant_not_found',
          'token_limit',
        ],
      },
      async ({ body, res }) => {
        const tenant = await tenantOf(body.tenant, res);
        checkGrant(body.scopes, tenant, principalOf(res));
        const { description, expires_in_days: days } = body;
        const { record, text } = await tokens.create({
          ...{ tenant, description, scopes: [...new Set(body.scopes)] },
          expiresAt: days === undefined ? undefined : now() + days * dayMs,
        });
        directory.forget();
        try {
          await checkKnown(tenant);
        } catch (error) {
          await tokens.revoke(record.id);
          throw error;
        }
        res
          .status(201)
          .set('Cache-Control', 'no-store')
          .location(`/v1/tokens/${record.id}`)
          .json({ ...toToken(record), token: text });
      },
    ),
    endpoint(
      {
        id: 'listTokens',
        method: 'get',
        path: '/v1/tokens',
        scope: 'tokens:admin',
        tag: 'Tokens',
        summary: 'The tokens of a tenant, in the order of their creation',
        query: listQuery,
        answers: { 200: { description: 'A page', content: { 'application/json': tokenPageSchema } } },
        errors: ['request_invalid', 'tenant_not_found'],
      },
      async ({ query: { tenant: given, limit, cursor }, res }) => {
        const page = await tokens.list(await tenantOf(given, res), { limit, after: cursor });
        const next = page.length === limit ? page.at(-1)?.id : undefined;
        res.json({ tokens: page.map(toToken), ...(next !== undefined && { next_cursor: next }) });
      },
    ),
    endpoint(
      {
        id: 'getToken',
        method: 'get',
        path: '/v1/tokens/{id}',
        scope: 'tokens:admin',
        tag: 'Tokens',
        summary: 'A token: its scopes and its last use',
        params: path,
        answers: { 200: { description: 'The token', content: { 'application/json': tokenSchema } } },
        errors: ['not_found', 'request_invalid'],
      },
      async ({ params: { id }, res }) => {
        res.json(toToken(await existing(id, res)));
      },
    ),
    endpoint(
      {
        id: 'revokeToken',
        method: 'delete',
        path: '/v1/tokens/{id}',
        scope: 'tokens:admin',
        tag: 'Tokens',
        summary: 'Revoke a token',
        description:
          'Requests with it are refused from then on, in other API processes within 5 seconds. Tokens that were created with it stay.',
        params: path,
        answers: { 204: { description: 'Revoked' } },
        errors: ['not_found', 'request_invalid', 'tenant_managed'],
      },
      async ({ params: { id }, res }) => {
        const record = await existing(id, res).catch((error: unknown) => {
          // An unreadable token may belong to the installation: only an operator may revoke it.
          if (error instanceof UnreadableRecord && allows(principalOf(res).scopes, 'admin')) return undefined;
          throw error;
        });
        if (record?.managedBy === 'file') {
          throw new SlipwayError('tenant_managed', `${id} comes from the tenants file.`);
        }
        const revoked = await tokens.revoke(id);
        directory.forget();
        if (!revoked) throw missing(id);
        res.status(204).end();
      },
    ),
  ];
}

/** Throws `forbidden` for scopes that the tenant may not have, or that the caller lacks. */
function checkGrant(scopes: TokenRequest['scopes'], tenant: string, { scopes: held }: Principal): void {
  if (scopes.includes('admin') && tenant !== defaultTenantName) {
    throw new SlipwayError('forbidden', `The scope admin is for tokens of ${defaultTenantName} alone.`);
  }
  const more = scopes.filter((scope) => !allows(held, scope));
  if (more.length === 0) return;
  throw new SlipwayError('forbidden', `Your token lacks ${more.join(', ')}, so it cannot grant it.`);
}
