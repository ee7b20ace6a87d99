import { isIP } from 'node:net';
import { shownRedis } from '@slipway/control-plane/cell';
import { blobStoreUrl } from '@slipway/shared/blobs';
import {
  type CommonConfig,
  commonConfig,
  type Env,
  type PayloadSecrets,
  previousPayloadSecrets,
  publicUrl,
  type RedisConfig,
  readEnv,
  redisConfig,
  type Secret,
} from '@slipway/shared/config';
import { type Allowlist, parseAllowlist } from '@slipway/shared/egress';
import { type PayloadBounds, payloadBounds } from '@slipway/shared/function-builder';
import { type ApiGitConfig, gitConfig } from './git/config.js';
import { parseOrigins } from './http/cors.js';

export interface ApiConfig extends CommonConfig, RedisConfig, PayloadSecrets, PayloadBounds {
  readonly blobStore: string;
  /** True if a build is canceled when the client of its `POST /build` disconnects. */
  readonly cancelOnDisconnect: boolean;
  /** Undefined: the process generates a token and prints it. */
  readonly apiToken: Secret | undefined;
  /** Path of the tenants file; undefined when tenants are managed over the API alone. */
  readonly tenantsFile: string | undefined;
  readonly maxSourceFiles: number;
  readonly maxQueuedJobs: number;
  /** Default quota of Redis bytes per tenant. */
  readonly tenantStoredBytes: number;
  /** Addresses and networks of proxies whose `X-Forwarded-*` headers are trusted. */
  readonly trustedProxies: readonly string[];
  /** Other origins whose pages may call the API. */
  readonly corsOrigins: readonly string[];
  /** Limit of entries in the audit log. Older entries are removed by number and by age. */
  readonly auditMaxEntries: number;
  readonly auditDays: number;
  readonly git: ApiGitConfig;
  /** Addresses that callbacks may go to besides public ones. The workers have the same list. */
  readonly egressAllow: Allowlist;
  /** Public URL of this API, for messages. */
  readonly publicUrl: string | undefined;
}

const mebibyte = 1024 * 1024;

export function loadConfig(env: Env): ApiConfig {
  return readEnv(env, (fields) => ({
    ...commonConfig(fields, { port: 8080 }),
    ...redisConfig(fields),
    blobStore: fields.parsed('BLOB_STORE', blobStoreUrl) ?? '',
    payloadSecret: fields.secret('PAYLOAD_SECRET'),
    previousPayloadSecrets: previousPayloadSecrets(fields),
    cancelOnDisconnect: fields.oneOf('BUILD_ON_DISCONNECT', ['cancel', 'continue'], 'cancel') === 'cancel',
    apiToken: fields.optionalSecret('API_TOKEN'),
    tenantsFile: fields.optional('TENANTS_FILE'),
    ...payloadBounds(fields, { maxSourceBytes: 512 * mebibyte, min: 1 }),
    maxSourceFiles: fields.int('MAX_SOURCE_FILES', { default: 50_000, min: 1 }),
    egressAllow: fields.parsed('EGRESS_ALLOW', parseAllowlist, ' ') ?? parseAllowlist(''),
    publicUrl: publicUrl(fields),
    maxQueuedJobs: fields.int('MAX_QUEUED_JOBS', { default: 100_000, min: 1 }),
    tenantStoredBytes: fields.int('TENANT_STORED_BYTES', { default: 512 * mebibyte, min: mebibyte }),
    trustedProxies: fields.parsed('TRUSTED_PROXIES', parseProxies, ' ') ?? [],
    corsOrigins: fields.parsed('CORS_ORIGINS', parseOrigins, ' ') ?? [],
    auditMaxEntries: fields.int('AUDIT_MAX_ENTRIES', { default: 100_000, min: 100 }),
    auditDays: fields.int('AUDIT_DAYS', { default: 90, min: 1, max: 3650 }),
    git: gitConfig(fields),
  }));
}

/** Returns the settings that the start-up line lists. It shows secrets only as configured or not. */
export function shownSettings(config: ApiConfig): Record<string, unknown> {
  return {
    ...shownRedis(config),
    blob_store: config.blobStore,
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
    api_token: config.apiToken ? 'configured' : 'generated',
    payload_secret: 'configured',
    previous_payload_secrets: config.previousPayloadSecrets.length,
  };
}

function parseProxies(raw: string): string[] {
  const list = raw
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const wrong = list.find((item) => !isProxy(item));
  if (wrong !== undefined) throw new Error(`must be addresses and CIDRs, not '${wrong}'`);
  return list;
}

function isProxy(item: string): boolean {
  const [address = '', bits, ...rest] = item.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
