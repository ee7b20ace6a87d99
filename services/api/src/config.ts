import { shownRedis } from '@slipway/control-plane/cell';
import { type BlobStoreConfig, blobStoreConfig } from '@slipway/shared/blobs';
import {
  type CommonConfig,
  commonConfig,
  type Env,
  type Fields,
  type PayloadSecrets,
  payloadSecrets,
  publicUrl,
  type RedisConfig,
  readEnv,
  redisConfig,
} from '@slipway/shared/config';
import { type Allowlist, egressAllow } from '@slipway/shared/egress';
import { type PayloadBounds, payloadBounds } from '@slipway/shared/function-builder';
import { type AuditConfig, auditConfig } from './audit/log.js';
import { type BuildConfig, buildConfig } from './function-builder/endpoint.js';
import { type ApiGitConfig, gitConfig } from './git/config.js';
import { type ClientConfig, clientConfig } from './http/config.js';
import { type JobsConfig, jobsConfig } from './jobs/submit.js';
import { type RegistryEventsConfig, registryEventsConfig } from './registry-events/tokens.js';
import { type ReplicationConfig, replicationConfig } from './replication/replicated-writes.js';
import { type TenantsConfig, tenantsConfig } from './tenants/config.js';

export interface ApiConfig
  extends CommonConfig,
    RedisConfig,
    PayloadSecrets,
    PayloadBounds,
    AuditConfig,
    BlobStoreConfig,
    BuildConfig,
    ClientConfig,
    JobsConfig,
    RegistryEventsConfig,
    ReplicationConfig,
    TenantsConfig {
  readonly git: ApiGitConfig;
  /** Addresses that callbacks may go to besides public ones. The workers have the same list. */
  readonly egressAllow: Allowlist;
  /** Public URL of this API, for messages. */
  readonly publicUrl: string | undefined;
}

const mebibyte = 1024 * 1024;

export function loadConfig(env: Env): ApiConfig {
  return readEnv(env, apiConfig);
}

/**
 * Reads the settings of all modules. The generator of the documentation reads them too.
 * @public
 */
export function apiConfig(fields: Fields): ApiConfig {
  return {
    ...commonConfig(fields, { port: 8080 }),
    ...payloadSecrets(fields),
    ...redisConfig(fields),
    ...replicationConfig(fields),
    ...registryEventsConfig(fields),
    ...blobStoreConfig(fields),
    egressAllow: egressAllow(fields),
    publicUrl: publicUrl(fields),
    ...tenantsConfig(fields),
    ...payloadBounds(fields, { maxSourceBytes: 512 * mebibyte, min: 1 }),
    git: gitConfig(fields),
    ...clientConfig(fields),
    ...auditConfig(fields),
    ...jobsConfig(fields),
    ...buildConfig(fields),
  };
}

/** Returns the settings that the start-up line lists. It shows secrets only as configured or not. */
export function shownSettings(config: ApiConfig): Record<string, unknown> {
  return {
    ...shownRedis(config),
    redis_wait_replicas: config.redisWaitReplicas,
    blob_store: config.blobStore,
    blob_store_logs: config.blobStoreLogs,
    max_source_bytes: config.maxSourceBytes,
    unverified_payload_bytes: config.unverifiedPayloadBytes,
    min_free_disk_bytes: config.minFreeDiskBytes,
    max_source_files: config.maxSourceFiles,
    max_queued_jobs: config.maxQueuedJobs,
    tenant_stored_bytes: config.tenantStoredBytes,
    git_schemes: config.git.allowedSchemes,
    git_hosts: config.git.allowedHosts,
    git_credentials: [...config.git.credentials.keys()],
    git_ssh_hosts: [...config.git.ssh.keys()],
    public_url: config.publicUrl,
    trusted_proxies: config.trustedProxies,
    cors_origins: config.corsOrigins,
    tls: config.http.tls !== undefined,
    audit_max_entries: config.auditMaxEntries,
    audit_days: config.auditDays,
    tenants_file: config.tenantsFile,
    registry_events_tokens: config.registryEventsTokens.length,
    api_token: config.apiToken ? 'configured' : 'generated',
    payload_secret: 'configured',
    previous_payload_secrets: config.previousPayloadSecrets.length,
  };
}
