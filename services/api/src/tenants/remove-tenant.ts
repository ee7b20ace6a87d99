import type { PayloadSecretStore, TenantStore, TokenStore } from '@slipway/control-plane/tenants';
import type { EndpointStore } from '@slipway/control-plane/webhooks';

export interface TenantStores {
  readonly tenants: TenantStore;
  readonly tokens: TokenStore;
  readonly payloadSecrets: PayloadSecretStore;
  readonly webhooks: Pick<EndpointStore, 'list' | 'remove'>;
}

/** More than the limit of endpoints per tenant. */
const mostWebhooks = 1_000;

/**
 * Removes a tenant, with its tokens, payload secrets and webhook endpoints. Its jobs stay, and are built. Idempotent. Returns false
 * for an unknown tenant.
 */
export async function removeTenant(name: string, stores: TenantStores): Promise<boolean> {
  // The tenant is removed first: a concurrent request that creates a token then finds no tenant, and revokes the token.
  const known = await stores.tenants.remove(name);
  await revokeAll(name, stores);
  return known;
}

/** Removes all tokens, payload secrets and webhook endpoints of a tenant. */
export async function revokeAll(name: string, stores: TenantStores): Promise<void> {
  const { tokens, payloadSecrets, webhooks } = stores;
  await tokens.revokeAll(name);
  for (const { id } of await payloadSecrets.list(name)) await payloadSecrets.remove(name, id);
  for (const { id } of await webhooks.list(name, { limit: mostWebhooks })) await webhooks.remove(name, id);
}
