import type { Client as FetchClient } from 'openapi-fetch';
import { dataOf } from './batches.js';
import type { components, operations, paths } from './schema.js';

type Schemas = components['schemas'];
export type Whoami = Schemas['Whoami'];
export type Tenant = Schemas['Tenant'];
type TenantPage = Schemas['TenantPage'];
/** The rights and limits of a tenant. */
export type TenantSettings = Schemas['TenantSettings'];
export type Token = Schemas['Token'];
type TokenPage = Schemas['TokenPage'];
type TokenRequest = Schemas['TokenRequest'];
type CreatedToken = Schemas['CreatedToken'];
export type PayloadSecret = Schemas['PayloadSecret'];
type CreatedPayloadSecret = Schemas['CreatedPayloadSecret'];
export type Scope = Token['scopes'][number];
type ListTenantsQuery = NonNullable<operations['listTenants']['parameters']['query']>;
type ListTokensQuery = NonNullable<operations['listTokens']['parameters']['query']>;

interface Call {
  readonly signal?: AbortSignal | undefined;
}
interface Named extends Call {
  readonly name: string;
}

/** Calls for tenants, their tokens and payload secrets. Calls that create something are sent once. */
export interface TenantCalls {
  /** Returns the tenant of the client's token, and the token's scopes. */
  whoami(options?: Call): Promise<Whoami>;
  listTenants(options?: Call & { query?: ListTenantsQuery }): Promise<TenantPage>;
  getTenant(options: Named): Promise<Tenant>;
  /** Creates a tenant, or replaces all its settings. */
  putTenant(options: Named & { settings: TenantSettings }): Promise<Tenant>;
  deleteTenant(options: Named): Promise<void>;
  /** Creates a token. Only this answer contains the token itself. */
  createToken(options: Call & { request: TokenRequest }): Promise<CreatedToken>;
  listTokens(options?: Call & { query?: ListTokensQuery }): Promise<TokenPage>;
  revokeToken(options: Call & { id: string }): Promise<void>;
  /** Creates a payload secret. Only this answer contains the secret itself. */
  createPayloadSecret(options: Named): Promise<CreatedPayloadSecret>;
  listPayloadSecrets(options: Named): Promise<PayloadSecret[]>;
  deletePayloadSecret(options: Named & { id: string }): Promise<void>;
}

interface TenantCallsOptions {
  readonly api: FetchClient<paths>;
  readonly fetchWith: (retries: number) => (request: Request) => Promise<Response>;
}

const signalOf = ({ signal }: Call) => (signal ? { signal } : {});

export function tenantCalls({ api, fetchWith }: TenantCallsOptions): TenantCalls {
  const named = ({ name, signal }: Named) => ({ params: { path: { name } }, ...signalOf({ signal }) });
  return {
    whoami: async (call = {}) => dataOf(await api.GET('/v1/me', signalOf(call))),
    listTenants: async ({ query = {}, ...call } = {}) =>
      dataOf(await api.GET('/v1/tenants', { params: { query }, ...signalOf(call) })),
    getTenant: async (call) => dataOf(await api.GET('/v1/tenants/{name}', named(call))),
    putTenant: async ({ settings, ...call }) =>
      dataOf(await api.PUT('/v1/tenants/{name}', { body: settings, ...named(call) })),
    async deleteTenant(call) {
      await api.DELETE('/v1/tenants/{name}', named(call));
    },
    createToken: async ({ request, ...call }) =>
      dataOf(await api.POST('/v1/tokens', { body: request, fetch: fetchWith(0), ...signalOf(call) })),
    listTokens: async ({ query = {}, ...call } = {}) =>
      dataOf(await api.GET('/v1/tokens', { params: { query }, ...signalOf(call) })),
    async revokeToken({ id, ...call }) {
      await api.DELETE('/v1/tokens/{id}', { params: { path: { id } }, ...signalOf(call) });
    },
    createPayloadSecret: async (call) =>
      dataOf(await api.POST('/v1/tenants/{name}/payload-secrets', { fetch: fetchWith(0), ...named(call) })),
    listPayloadSecrets: async (call) =>
      dataOf(await api.GET('/v1/tenants/{name}/payload-secrets', named(call))).payload_secrets,
    async deletePayloadSecret({ name, id, ...call }) {
      const path = { name, id };
      await api.DELETE('/v1/tenants/{name}/payload-secrets/{id}', { params: { path }, ...signalOf(call) });
    },
  };
}
