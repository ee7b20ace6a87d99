import {
  type CommonConfig,
  commonConfig,
  type Env,
  type RedisConfig,
  readEnv,
  redisConfig,
  type Secret,
} from '@slipway/shared/config';
import { type BuilderAddress, parseBuilders } from './fleet/builders.js';

export interface WorkerConfig extends CommonConfig, RedisConfig {
  readonly blobStore: string;
  readonly payloadSecret: Secret;
  readonly webhookSecret: Secret | undefined;
  readonly builders: readonly BuilderAddress[];
  readonly concurrency: number;
  readonly buildTimeoutMs: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly maxAttempts: number;
}

/** Builds that a replica without a configured limit is given at once, until limits are learned. */
const assumedSlots = 4;

export function loadConfig(env: Env): WorkerConfig {
  return readEnv(env, (fields) => {
    const builders = fields.parsed('BUILDERS', parseBuilders) ?? [];
    const slots = builders.reduce((sum, { max }) => sum + (max ?? assumedSlots), 0);
    return {
      ...commonConfig(fields, { port: 8090 }),
      ...redisConfig(fields),
      blobStore: fields.string('BLOB_STORE'),
      payloadSecret: fields.secret('PAYLOAD_SECRET'),
      webhookSecret: fields.optionalSecret('WEBHOOK_SECRET'),
      builders,
      concurrency: fields.int('WORKER_CONCURRENCY', { default: Math.max(slots, 1), min: 1, max: 1_000 }),
      buildTimeoutMs: fields.int('BUILD_TIMEOUT_MS', { default: 30 * 60_000, min: 1 }),
      lockDurationMs: fields.int('LOCK_DURATION_MS', { default: 15_000, min: 1_000 }),
      stalledIntervalMs: fields.int('STALLED_INTERVAL_MS', { default: 5_000, min: 500 }),
      maxAttempts: fields.int('MAX_ATTEMPTS', { default: 4, min: 1, max: 100 }),
    };
  });
}
