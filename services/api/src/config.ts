import {
  type CommonConfig,
  commonConfig,
  type Env,
  type RedisConfig,
  readEnv,
  redisConfig,
  type Secret,
} from '@slipway/shared/config';
import { type Allowlist, parseAllowlist } from '@slipway/shared/egress';
import { type GitConfig, gitConfig } from './git/config.js';

export interface ApiConfig extends CommonConfig, RedisConfig {
  readonly blobStore: string;
  readonly payloadSecret: Secret;
  /** Whether a client of `POST /build` that goes away takes its build with it. */
  readonly cancelOnDisconnect: boolean;
  /** Undefined: one is made for this process and printed. */
  readonly apiToken: Secret | undefined;
  /** Where further tenants are written down; undefined when the API alone knows them. */
  readonly tenantsFile: string | undefined;
  readonly maxSourceBytes: number;
  readonly maxSourceFiles: number;
  readonly maxQueuedJobs: number;
  readonly git: GitConfig;
  /** Where callbacks may go, besides public addresses; the workers have the same. */
  readonly egressAllow: Allowlist;
}

const mebibyte = 1024 * 1024;

export function loadConfig(env: Env): ApiConfig {
  return readEnv(env, (fields) => ({
    ...commonConfig(fields, { port: 8080 }),
    ...redisConfig(fields),
    blobStore: fields.string('BLOB_STORE'),
    payloadSecret: fields.secret('PAYLOAD_SECRET'),
    cancelOnDisconnect: fields.oneOf('BUILD_ON_DISCONNECT', ['cancel', 'continue'], 'cancel') === 'cancel',
    apiToken: fields.optionalSecret('API_TOKEN'),
    tenantsFile: fields.optional('TENANTS_FILE'),
    maxSourceBytes: fields.int('MAX_SOURCE_BYTES', { default: 512 * mebibyte, min: 1 }),
    maxSourceFiles: fields.int('MAX_SOURCE_FILES', { default: 50_000, min: 1 }),
    egressAllow: fields.parsed('EGRESS_ALLOW', parseAllowlist, ' ') ?? parseAllowlist(''),
    maxQueuedJobs: fields.int('MAX_QUEUED_JOBS', { default: 100_000, min: 1 }),
    git: gitConfig(fields),
  }));
}
