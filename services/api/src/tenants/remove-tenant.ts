import type { PayloadSecretStore, TenantStore, TokenStore } from '@slipway/shared/tenants';

export interface TenantStores {
  readonly tenants: TenantStore;
  readonly tokens: TokenStore;
  readonly payloadSecrets: PayloadSecretStore;
}

/**
 * Takes a tenant away, with its tokens and payload secrets. What it has submitted stays, and is built. Repeating it is harmless.
 * False when it was not known.
 */
export async function removeTenant(name: string, stores: TenantStores): Promise<boolean> {
  // The tenant goes first: whoever makes a token for it meanwhile sees that, and takes the token back.
  const known = await stores.tenants.remove(name);
  await revokeAll(name, stores);
  return known;
}

/** Nobody is this tenant any more. */
export async function revokeAll(name: string, { tokens, payloadSecrets }: TenantStores): Promise<void> {
  await tokens.revokeAll(name);
  for (const { id } of await payloadSecrets.list(name)) await payloadSecrets.remove(name, id);
}
