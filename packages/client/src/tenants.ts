import type { Client as FetchClient } from 'openapi-fetch';
import { dataOf } from './batches.js';
import type { components, operations, paths } from './schema.js';

type Schemas = components['schemas'];
export type Whoami = Schemas['Whoami'];
export type Tenant = Schemas['Tenant'];
type TenantPage = Schemas['TenantPage'];
/** What a tenant may do and take. */
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

/** Tenants, their tokens and payload secrets. What makes something is sent once. */
export interface TenantCalls {
  /** Whose token this client has, and what that may be used for. */
  whoami(options?: Call): Promise<Whoami>;
  listTenants(options?: Call & { query?: ListTenantsQuery }): Promise<TenantPage>;
  getTenant(options: Named): Promise<Tenant>;
  /** Makes a tenant, or replaces all its settings. */
  putTenant(options: Named & { settings: TenantSettings }): Promise<Tenant>;
  deleteTenant(options: Named): Promise<void>;
  /** The answer holds the token itself, which is never shown again. */
  createToken(options: Call & { request: TokenRequest }): Promise<CreatedToken>;
  listTokens(options?: Call & { query?: ListTokensQuery }): Promise<TokenPage>;
  revokeToken(options: Call & { id: string }): Promise<void>;
  /** The answer holds the secret itself, which is never shown again. */
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
