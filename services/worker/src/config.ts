import { homedir } from 'node:os';
import { join } from 'node:path';
import { shownRedis } from '@slipway/control-plane/cell';
import { blobStoreUrl } from '@slipway/shared/blobs';
import {
  type CommonConfig,
  commonConfig,
  type Env,
  type Fields,
  insecureRegistries,
  type PayloadSecrets,
  previousPayloadSecrets,
  publicUrl,
  type RedisConfig,
  readEnv,
  redisConfig,
  type Secret,
} from '@slipway/shared/config';
import { helperEnvironment, helperVariables } from '@slipway/shared/docker-config';
import { type Allowlist, parseAllowlist } from '@slipway/shared/egress';
import { type BuilderEntry, parseBuilders } from './fleet/builders.js';
import type { RegistryConfig } from './join/registry.js';
import type { DeliveryRetentionConfig } from './leader/delivery-retention.js';
import type { RetentionConfig } from './leader/retention.js';
import { usualDelaysMs } from './notify/next-step.js';
import { parseWebhookTokens, WebhookTokens } from './notify/tokens.js';

export interface WorkerConfig extends CommonConfig, RedisConfig, PayloadSecrets {
  readonly blobStore: string;
  readonly webhookSecret: Secret | undefined;
  /** Where the API is found, for links in messages; no slash at its end. */
  readonly publicUrl: string | undefined;
  /** Before each attempt to deliver a webhook message after the first. */
  readonly webhookRetryDelaysMs: readonly number[];
  /** Sends trace headers to receivers of messages in the standard format. */
  readonly webhookTraceContext?: boolean;
  /** Tokens for CI systems, by tenant, name and host. */
  readonly webhookTokens: WebhookTokens;
  readonly builders: readonly BuilderEntry[];
  readonly concurrency: number;
  readonly registries: RegistryConfig;
  readonly buildTimeoutMs: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly maxAttempts: number;
  /** Milliseconds that a job is retried while a registry's faults end its attempts. Such attempts do not count. */
  readonly registryRetryMs: number;
  /** Workers or builders that may die over a job before it is quarantined. */
  readonly quarantineAfter: number;
  readonly queueTimeoutMs: number;
  readonly retention: RetentionConfig;
  readonly deliveryRetention: DeliveryRetentionConfig;
  /** A source that nothing refers to stays for so long after its last use. */
  readonly sourceGraceMs: number;
  /** Functions whose outcomes are counted under their names, the first that turn up; 0 for none. */
  readonly metricsFunctions: number;
  /** Where webhooks may go, besides public addresses. */
  readonly egressAllow: Allowlist;
}

export function loadConfig(env: Env): WorkerConfig {
  return readEnv(env, (fields) => {
    return {
      ...commonConfig(fields, { port: 8090 }),
      ...redisConfig(fields),
      blobStore: fields.parsed('BLOB_STORE', blobStoreUrl) ?? '',
      payloadSecret: fields.secret('PAYLOAD_SECRET'),
      previousPayloadSecrets: previousPayloadSecrets(fields),
      webhookSecret: fields.optionalSecret('WEBHOOK_SECRET'),
      publicUrl: publicUrl(fields),
      webhookRetryDelaysMs: fields.parsed('WEBHOOK_RETRY_SECONDS', parseRetrySeconds, ' ') ?? usualDelaysMs,
      webhookTraceContext: fields.bool('WEBHOOK_TRACE_CONTEXT', false),
      webhookTokens: fields.parsedSecret('WEBHOOK_TOKENS', parseWebhookTokens) ?? new WebhookTokens(),
      builders: fields.parsed('BUILDERS', parseBuilders) ?? [],
      registries: {
        insecureRegistries: insecureRegistries(fields),
        dockerConfig: fields.string('DOCKER_CONFIG', join(homedir(), '.docker')),
        helperEnv: helperEnv(fields, env),
      },
      concurrency: fields.int('WORKER_CONCURRENCY', { default: 100, min: 1, max: 1_000 }),
      buildTimeoutMs: fields.int('BUILD_TIMEOUT_MS', { default: 30 * 60_000, min: 1 }),
      lockDurationMs: fields.int('LOCK_DURATION_MS', { default: 15_000, min: 1_000 }),
      stalledIntervalMs: fields.int('STALLED_INTERVAL_MS', { default: 5_000, min: 500 }),
      quarantineAfter: fields.int('QUARANTINE_AFTER', { default: 2, min: 1 }),
      queueTimeoutMs: fields.int('QUEUE_TIMEOUT_MS', { default: 24 * 3600 * 1_000, min: 1 }),
      retention: {
        days: fields.int('RETENTION_DAYS', { default: 30, min: 1 }),
        failedDays: fields.int('RETENTION_FAILED_DAYS', { default: 90, min: 1 }),
        jobs: fields.int('RETENTION_JOBS', { default: 100_000, min: 1 }),
      },
      deliveryRetention: {
        days: fields.int('RETENTION_DELIVERIES_DAYS', { default: 3, min: 1 }),
        failedDays: fields.int('RETENTION_FAILED_DELIVERIES_DAYS', { default: 30, min: 1 }),
        deliveries: fields.int('RETENTION_DELIVERIES', { default: 100_000, min: 1 }),
      },
      sourceGraceMs: fields.int('SOURCE_GRACE_MS', { default: 24 * 3600 * 1_000, min: 60_000 }),
      egressAllow: fields.parsed('EGRESS_ALLOW', parseAllowlist, ' ') ?? parseAllowlist(''),
      metricsFunctions: fields.int('METRICS_FUNCTIONS', { default: 0, max: 1_000 }),
      registryRetryMs: fields.int('REGISTRY_RETRY_MS', { default: 10 * 60_000, min: 1_000 }),
      maxAttempts: fields.int('MAX_ATTEMPTS', { default: 4, min: 1, max: 100 }),
    };
  });
}

/** Returns the settings that the start-up line lists. It shows secrets only as configured or not. */
export function shownSettings(config: WorkerConfig): Record<string, unknown> {
  return {
    ...shownRedis(config),
    blob_store: config.blobStore,
    builders: config.builders,
    insecure_registries: config.registries.insecureRegistries,
    concurrency: config.concurrency,
    build_timeout_ms: config.buildTimeoutMs,
    lock_duration_ms: config.lockDurationMs,
    max_attempts: config.maxAttempts,
    registry_retry_ms: config.registryRetryMs,
    retention: config.retention,
    delivery_retention: config.deliveryRetention,
    source_grace_ms: config.sourceGraceMs,
    public_url: config.publicUrl,
    webhook_retry_seconds: config.webhookRetryDelaysMs.map((ms) => ms / 1_000),
    payload_secret: 'configured',
    previous_payload_secrets: config.previousPayloadSecrets.length,
    webhook_secret: config.webhookSecret ? 'configured' : 'derived',
    webhook_tokens: config.webhookTokens.size,
  };
}

/** Returns the environment of credential helpers: their PATH and the variables that they read. */
function helperEnv(fields: Fields, env: Env): Record<string, string> {
  const extra = fields.parsed('CREDENTIAL_HELPER_ENV', helperVariables, ' ') ?? [];
  return helperEnvironment({ env, extra: ['PATH', 'HOME', ...extra] });
}

/** Limit of attempts after the first. */
const mostRetries = 30;
const weekSeconds = 7 * 24 * 3600;

/** Seconds before each retry, comma-separated; the usual schedule when there are none. */
function parseRetrySeconds(text: string): readonly number[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.every((item) => item === '')) return usualDelaysMs;
  const seconds = items.map((item) => (/^\d+$/.test(item) ? Number(item) : Number.NaN));
  if (items.length > mostRetries || !seconds.every((each) => each >= 1 && each <= weekSeconds)) {
    throw new Error(
      `must hold up to ${mostRetries} numbers of seconds from 1 to ${weekSeconds}, not '${text}'`,
    );
  }
  return seconds.map((each) => each * 1_000);
}
