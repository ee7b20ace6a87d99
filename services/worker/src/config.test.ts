import { badRedisSettings, describeSettings } from '@slipway/shared/testing';
import { expect, test } from 'vitest';
import { loadConfig } from './config.js';

const days = ['0', '1.5'];
const bad = {
  ...badRedisSettings,
  BUILDERS: ['', 'builder:8081', 'http://builder:8081#max=0', 'k8s://builder'],
  BUILD_TIMEOUT_MS: ['0'],
  CREDENTIAL_HELPER_ENV: ['A-B', 'PAYLOAD_SECRET'],
  INSECURE_REGISTRIES: ['http://registry:5000', 'registry:5000, a b'],
  KUBERNETES_SERVICE_HOST: ['https://10.0.0.1', 'a b'],
  KUBERNETES_SERVICE_PORT: ['0', 'https'],
  LOCK_DURATION_MS: ['999'],
  MAX_ATTEMPTS: ['0', '101'],
  METRICS_FUNCTIONS: ['1001'],
  POD_DELETION_COST: ['maybe'],
  POOL_DRAIN_TARGET_MS: ['999', '86400001'],
  POOLS: [',', 'ARM', 'default#platforms=linux/arm64'],
  QUARANTINE_AFTER: ['0'],
  QUEUE_TIMEOUT_MS: ['0'],
  REDIS_LOSS_TOLERANCE_MS: ['-1', '1m'],
  BASE_IMAGE_CHECK_SECONDS: ['604801', '-1'],
  REGISTRY_RETRY_MS: ['999'],
  RETENTION_DAYS: days,
  RETENTION_DELIVERIES: ['0'],
  RETENTION_DELIVERIES_DAYS: days,
  RETENTION_FAILED_DAYS: days,
  RETENTION_FAILED_DELIVERIES_DAYS: days,
  RETENTION_JOBS: ['0'],
  SOURCE_GRACE_MS: ['59999'],
  SOURCE_SPOOL_BYTES: ['-1', '1.5'],
  STALLED_INTERVAL_MS: ['499'],
  WEBHOOK_RETRY_SECONDS: ['0', '5,soon'],
  WEBHOOK_SECRET_FILE: ['/nowhere/file'],
  WEBHOOK_TOKENS: ['no: [list'],
  WEBHOOK_TOKENS_FILE: ['/nowhere/file'],
  WEBHOOK_TRACE_CONTEXT: ['sometimes'],
  WORKER_CONCURRENCY: ['0', '1001'],
};
/** Any value is valid: secrets, and a folder that may be missing. */
const open = [
  'REDIS_PASSWORD',
  'WEBHOOK_SECRET',
  'DOCKER_CONFIG',
  'BLOB_TEMPORARY_DIR',
  'KUBERNETES_ACCOUNT_DIR',
];

const least = { PAYLOAD_SECRET: 'x', BLOB_STORE: 'file:///blobs', BUILDERS: 'http://builder:8081' };
describeSettings({ service: 'worker', loadConfig, least, bad, open });

test('the grace time covers the longest build unless it is set', () => {
  const graceOf = (env: Record<string, string>) => loadConfig({ ...least, ...env }).shutdownGraceMs;
  expect(graceOf({})).toBe(31 * 60_000);
  expect(graceOf({ BUILD_TIMEOUT_MS: '1000' })).toBe(61_000);
  expect(graceOf({ BUILD_TIMEOUT_MS: '1000', SHUTDOWN_GRACE_MS: '5' })).toBe(5);
});
