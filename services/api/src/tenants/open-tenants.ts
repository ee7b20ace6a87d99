import { randomBytes } from 'node:crypto';
import type { Cell } from '@slipway/control-plane/cell';
import { PayloadSecretStore, TenantStore, TokenStore } from '@slipway/control-plane/tenants';
import type { EndpointStore } from '@slipway/control-plane/webhooks';
import { Secret } from '@slipway/shared/config';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { deriveKeys } from '@slipway/shared/signing';
import type { ApiConfig } from '../config.js';
import { RequestRate } from '../limits/request-rate.js';
import { applyFile } from './apply-file.js';
import { Directory } from './directory.js';
import { TenantsFileWatcher } from './watch-file.js';

interface TenantsOptions {
  readonly cell: Cell;
  readonly config: ApiConfig;
  /** The webhook endpoints, which go with their tenant. */
  readonly webhooks: EndpointStore;
  readonly logger: Logger;
}

export type Tenants = Awaited<ReturnType<typeof openTenants>>;

/** Creates the stores of tenants, tokens and payload secrets, and reads the tenants file if one is configured. */
export async function openTenants({ cell, config, webhooks, logger }: TenantsOptions) {
  const { redis, keys, now, faults } = cell;
  const { tenantStoredBytes, tenantsFile } = config;
  const sealingKey = deriveKeys(config, 'payload secrets');
  const tenants = new TenantStore({ redis, keys, now, faults, storedBytes: tenantStoredBytes });
  const tokens = new TokenStore({ redis, keys, now, faults });
  const payloadSecrets = new PayloadSecretStore({ redis, keys, now, faults, sealingKey });
  const stores = { tenants, tokens, payloadSecrets, webhooks };
  const directory = new Directory({
    ...{ tenants, tokens, payloadSecrets, tenantStoredBytes, now, keys, logger },
    apiToken: config.apiToken ?? announcedToken(),
    installation: config,
    subscriber: cell.connect('tenants'),
  });
  const components: Component[] = [directory];
  if (tenantsFile !== undefined) {
    components.push(
      await TenantsFileWatcher.open({
        path: tenantsFile,
        apply: (wanted, signal) => applyFile(wanted, { redis, keys, ...stores }, signal),
        logger,
      }),
    );
  }
  return {
    ...stores,
    directory,
    signers: () => directory.signers(),
    requestRate: new RequestRate({ redis, keys }),
    components,
  };
}

/** Returns a new token when none is configured, and prints it once to stderr, outside the log. */
function announcedToken(): Secret {
  const token = `slp_${randomBytes(24).toString('base64url')}`;
  process.stderr.write(
    `api: neither API_TOKEN nor API_TOKEN_FILE is set; this process takes the token ${token}\n`,
  );
  return new Secret(token);
}
