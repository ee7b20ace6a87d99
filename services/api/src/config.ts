import {
  type CommonConfig,
  commonConfig,
  type Env,
  publicUrl,
  type RedisConfig,
  readEnv,
  redisConfig,
  type Secret,
} from '@slipway/shared/config';
import { type Allowlist, parseAllowlist } from '@slipway/shared/egress';
import { type PayloadSecret, parsePayloadSecrets } from './function-builder/payload-secrets.js';
import { type GitConfig, gitConfig } from './git/config.js';
import type { TokenHolder } from './http/auth.js';
import { parseTenantTokens } from './tenants.js';

export interface ApiConfig extends CommonConfig, RedisConfig {
  readonly blobStore: string;
  readonly payloadSecret: Secret;
  /** Further secrets that payloads of `POST /build` may be signed with. */
  readonly tenantPayloadSecrets: readonly PayloadSecret[];
  /** Whether a client of `POST /build` that goes away takes its build with it. */
  readonly cancelOnDisconnect: boolean;
  /** Undefined: one is made for this process and printed. */
  readonly apiToken: Secret | undefined;
  /** Tokens of further tenants. */
  readonly tenants: readonly TokenHolder[];
  readonly maxSourceBytes: number;
  readonly maxSourceFiles: number;
  readonly maxQueuedJobs: number;
  readonly git: GitConfig;
  /** Where callbacks may go, besides public addresses; the workers have the same. */
  readonly egressAllow: Allowlist;
  /** Where others find this API, for messages. */
  readonly publicUrl: string | undefined;
}

const mebibyte = 1024 * 1024;

export function loadConfig(env: Env): ApiConfig {
  return readEnv(env, (fields) => ({
    ...commonConfig(fields, { port: 8080 }),
    ...redisConfig(fields),
    blobStore: fields.string('BLOB_STORE'),
    payloadSecret: fields.secret('PAYLOAD_SECRET'),
    tenantPayloadSecrets: fields.parsed('TENANT_PAYLOAD_SECRETS', parsePayloadSecrets, ' ') ?? [],
    cancelOnDisconnect: fields.oneOf('BUILD_ON_DISCONNECT', ['cancel', 'continue'], 'cancel') === 'cancel',
    apiToken: fields.optionalSecret('API_TOKEN'),
    tenants: fields.parsed('TENANT_TOKENS', parseTenantTokens, ' ') ?? [],
    maxSourceBytes: fields.int('MAX_SOURCE_BYTES', { default: 512 * mebibyte, min: 1 }),
    maxSourceFiles: fields.int('MAX_SOURCE_FILES', { default: 50_000, min: 1 }),
    egressAllow: fields.parsed('EGRESS_ALLOW', parseAllowlist, ' ') ?? parseAllowlist(''),
    publicUrl: publicUrl(fields),
    maxQueuedJobs: fields.int('MAX_QUEUED_JOBS', { default: 100_000, min: 1 }),
    git: gitConfig(fields),
  }));
}
