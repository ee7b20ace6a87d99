import type { PayloadSecretStore, TenantStore, TokenStore } from '@slipway/control-plane/tenants';
import type { EndpointStore } from '@slipway/control-plane/webhooks';

export interface TenantStores {
  readonly tenants: TenantStore;
  readonly tokens: TokenStore;
  readonly payloadSecrets: PayloadSecretStore;
  readonly webhooks: Pick<EndpointStore, 'list' | 'remove'>;
}

/** More than a tenant may have. */
const mostWebhooks = 1_000;

/**
 * Takes a tenant away, with its tokens, payload secrets and webhook endpoints. What it has submitted stays, and is built. Repeating it is harmless.
 * False when it was not known.
 */
export async function removeTenant(name: string, stores: TenantStores): Promise<boolean> {
  // The tenant goes first: whoever makes a token for it meanwhile sees that, and takes the token back.
  const known = await stores.tenants.remove(name);
  await revokeAll(name, stores);
  return known;
}

/** Nobody is this tenant any more, or told of what it does. */
export async function revokeAll(name: string, stores: TenantStores): Promise<void> {
  const { tokens, payloadSecrets, webhooks } = stores;
  await tokens.revokeAll(name);
  for (const { id } of await payloadSecrets.list(name)) await payloadSecrets.remove(name, id);
  for (const { id } of await webhooks.list(name, { limit: mostWebhooks })) await webhooks.remove(name, id);
}
