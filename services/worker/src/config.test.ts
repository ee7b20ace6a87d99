import { ConfigError } from '@slipway/shared/config';
import {
  badCommonSettings,
  badRedisSettings,
  openCommonSettings,
  settingsRead,
  tracingOn,
} from '@slipway/shared/testing';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './config.js';

const least = {
  PAYLOAD_SECRET: 'x',
  BLOB_STORE: 'file:///blobs',
  BUILDERS: 'http://builder:8081',
  ...tracingOn,
};

const days = ['0', '1.5'];
const bad = {
  ...badCommonSettings,
  ...badRedisSettings,
  BUILDERS: ['', 'builder:8081', 'http://builder:8081#max=0'],
  BUILD_TIMEOUT_MS: ['0'],
  CREDENTIAL_HELPER_ENV: ['A-B', 'PAYLOAD_SECRET'],
  INSECURE_REGISTRIES: ['http://registry:5000', 'registry:5000, a b'],
  LOCK_DURATION_MS: ['999'],
  MAX_ATTEMPTS: ['0', '101'],
  METRICS_FUNCTIONS: ['1001'],
  QUARANTINE_AFTER: ['0'],
  QUEUE_TIMEOUT_MS: ['0'],
  REGISTRY_RETRY_MS: ['999'],
  RETENTION_DAYS: days,
  RETENTION_DELIVERIES: ['0'],
  RETENTION_DELIVERIES_DAYS: days,
  RETENTION_FAILED_DAYS: days,
  RETENTION_FAILED_DELIVERIES_DAYS: days,
  RETENTION_JOBS: ['0'],
  SOURCE_GRACE_MS: ['59999'],
  STALLED_INTERVAL_MS: ['499'],
  WEBHOOK_RETRY_SECONDS: ['0', '5,soon'],
  WEBHOOK_SECRET_FILE: ['/nowhere/file'],
  WEBHOOK_TOKENS: ['no: [list'],
  WEBHOOK_TOKENS_FILE: ['/nowhere/file'],
  WEBHOOK_TRACE_CONTEXT: ['sometimes'],
  WORKER_CONCURRENCY: ['0', '1001'],
};
/** Any value is valid: secrets, and a folder that may be missing. */
const open = [...openCommonSettings, 'REDIS_PASSWORD', 'WEBHOOK_SECRET', 'DOCKER_CONFIG'];

describe('every setting of the worker', () => {
  it('is in this table', () => {
    expect(settingsRead(loadConfig, least)).toEqual([...Object.keys(bad), ...open].sort());
  });

  it.each(Object.entries(bad).flatMap(([name, values]) => values.map((value) => [name, value] as const)))(
    'is refused by name: %s=%j',
    (name, value) => {
      const load = () => loadConfig({ ...least, [name]: value });
      expect(load).toThrow(ConfigError);
      expect(load).toThrow(new RegExp(`^  .*\\b${name}\\b`, 'm'));
    },
  );
});
