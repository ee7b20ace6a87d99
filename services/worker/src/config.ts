import { shownRedis } from '@slipway/control-plane/cell';
import { type BlobStoreConfig, blobStoreConfig } from '@slipway/shared/blobs';
import {
  type CommonConfig,
  commonConfig,
  type Env,
  type Fields,
  graceForBuilds,
  type PayloadSecrets,
  payloadSecrets,
  publicUrl,
  type RedisConfig,
  readEnv,
  redisConfig,
} from '@slipway/shared/config';
import { type Allowlist, egressAllow } from '@slipway/shared/egress';
import { type AttemptsConfig, attemptsConfig } from './attempts/deps.js';
import { type SourceSpoolConfig, sourceSpoolConfig } from './attempts/source-spool.js';
import { type BaseWatchConfig, baseWatchConfig } from './base-images/create-watcher.js';
import { type QueueConfig, queueConfig } from './dispatch/consumer.js';
import { type JobsConfig, jobsConfig } from './dispatch/create-jobs.js';
import { type FleetConfig, fleetConfig } from './fleet/builders.js';
import { declaredPools, type PoolsConfig, poolsConfig } from './fleet/pools.js';
import { type HoldConfig, holdConfig } from './hold/time-marks.js';
import { type DeliveryRetentionConfig, deliveryRetentionConfig } from './leader/delivery-retention.js';
import { type RetentionConfig, retentionConfig } from './leader/retention.js';
import { type SourceCollectionConfig, sourceCollectionConfig } from './leader/source-collection.js';
import { type MetricsConfig, metricsConfig } from './metrics.js';
import { type WebhookConfig, webhookConfig } from './notify/config.js';
import { type RegistryConfig, registryConfig } from './registry/config.js';

export interface WorkerConfig
  extends CommonConfig,
    RedisConfig,
    PayloadSecrets,
    AttemptsConfig,
    BaseWatchConfig,
    BlobStoreConfig,
    FleetConfig,
    HoldConfig,
    JobsConfig,
    MetricsConfig,
    PoolsConfig,
    QueueConfig,
    SourceCollectionConfig,
    SourceSpoolConfig,
    WebhookConfig {
  readonly registries: RegistryConfig;
  readonly retention: RetentionConfig;
  readonly deliveryRetention: DeliveryRetentionConfig;
  /** Where webhooks and checks of base images may go, besides public addresses. */
  readonly egressAllow: Allowlist;
  /** Where the API is found, for links in messages; without a slash at its end. */
  readonly publicUrl: string | undefined;
}

export function loadConfig(env: Env): WorkerConfig {
  return readEnv(env, (fields) => workerConfig(fields, env));
}

/**
 * Reads the settings of all modules. Credential helpers get a part of `env`. The generator of the documentation reads them too.
 * @public
 */
export function workerConfig(fields: Fields, env: Env): WorkerConfig {
  const fleet = fleetConfig(fields);
  const attempts = attemptsConfig(fields);
  return {
    ...commonConfig(fields, { port: 8090, shutdownGraceMs: graceForBuilds(attempts.buildTimeoutMs) }),
    ...payloadSecrets(fields),
    ...redisConfig(fields),
    ...blobStoreConfig(fields),
    egressAllow: egressAllow(fields),
    publicUrl: publicUrl(fields),
    ...fleet,
    ...poolsConfig(fields, fleet),
    ...queueConfig(fields),
    ...jobsConfig(fields),
    ...holdConfig(fields),
    ...attempts,
    registries: registryConfig(fields, env),
    ...baseWatchConfig(fields),
    retention: retentionConfig(fields),
    deliveryRetention: deliveryRetentionConfig(fields),
    ...sourceCollectionConfig(fields),
    ...sourceSpoolConfig(fields),
    ...webhookConfig(fields),
    ...metricsConfig(fields),
  };
}

/** Returns the settings that the start-up line lists. It shows secrets only as configured or not. */
export function shownSettings(config: WorkerConfig): Record<string, unknown> {
  return {
    ...shownRedis(config),
    blob_store: config.blobStore,
    blob_store_logs: config.blobStoreLogs,
    builders: config.builders,
    pools: declaredPools(config),
    insecure_registries: config.registries.insecureRegistries,
    concurrency: config.concurrency,
    build_timeout_ms: config.buildTimeoutMs,
    lock_duration_ms: config.lockDurationMs,
    max_attempts: config.maxAttempts,
    registry_retry_ms: config.registryRetryMs,
    base_image_check_seconds: config.baseImageCheckSeconds,
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
