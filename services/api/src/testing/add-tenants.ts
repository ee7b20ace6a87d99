import { PayloadSecretStore, TenantStore, TokenStore, tokenHash } from '@slipway/control-plane/tenants';
import { type Scope, tenantSettingsSchema } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { deriveKey } from '@slipway/shared/signing';
import type { z } from 'zod';
import type { ApiConfig } from '../config.js';

export interface NewTenant {
  readonly name: string;
  readonly token: string;
  readonly scopes?: readonly Scope[];
  readonly payloadSecrets?: readonly string[];
  readonly settings?: Partial<z.input<typeof tenantSettingsSchema>>;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/** Scopes for all operations on a tenant's records. */
const usualScopes: readonly Scope[] = ['jobs:write', 'templates:write', 'webhooks:write', 'builders:read'];

/** Adds tenants to an API, each with a token. */
export async function addTenants(
  config: Pick<ApiConfig, 'redisUrl' | 'redisPrefix' | 'payloadSecret'>,
  tenants: readonly NewTenant[],
): Promise<void> {
  if (tenants.length === 0) return;
  const logger = createLogger({ name: 'test', level: 'silent' });
  const cleanups = new Cleanups();
  const redis = connectRedis({ url: config.redisUrl, name: 'test', logger, cleanups, mode: 'request' });
  const keys = redisKeys(config.redisPrefix);
  const sealingKey = deriveKey(config.payloadSecret, 'payload secrets');
  const secrets = new PayloadSecretStore({ redis, keys, sealingKey });
  const store = new TenantStore({ redis, keys });
  const tokens = new TokenStore({ redis, keys });
  for (const { name, token, scopes = usualScopes, payloadSecrets = [], settings, expiresAt } of tenants) {
    await store.put(name, tenantSettingsSchema.parse({ images: ['*'], ...settings }));
    await tokens.add({
      hash: tokenHash(token),
      tenant: name,
      description: 'of a test',
      scopes,
      expiresAt,
      managedBy: 'api',
    });
    for (const text of payloadSecrets) await secrets.create(name, { text });
  }
  await cleanups.run(logger);
}
