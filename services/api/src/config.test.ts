import { badPayloadSettings, badRedisSettings, describeSettings } from '@slipway/shared/testing';
import { loadConfig } from './config.js';

const bad = {
  ...badRedisSettings,
  ...badPayloadSettings,
  API_TOKEN_FILE: ['/nowhere/file'],
  AUDIT_DAYS: ['0', '3651'],
  REGISTRY_EVENTS_TOKENS: ['short', 'a'.repeat(129), Array(6).fill('a'.repeat(32)).join(',')],
  REGISTRY_EVENTS_TOKENS_FILE: ['/nowhere/file'],
  AUDIT_MAX_ENTRIES: ['99'],
  BUILD_ON_DISCONNECT: ['stop'],
  DISCONNECT_WAIT_MS: ['-1', '3600001'],
  CORS_ORIGINS: ['ci.example', 'https://ci.example/path'],
  GIT_ALLOWED_HOSTS: ['https://git.example', 'git.example/path', 'a b'],
  GIT_ALLOWED_SCHEMES: ['ext'],
  GIT_CONCURRENCY: ['0', '101'],
  GIT_CREDENTIALS_FILE: ['/nowhere/file', '/etc/hostname'],
  GIT_MEMORY_BYTES: ['1'],
  GIT_SSH_FILE: ['/nowhere/file', '/etc/hostname'],
  GIT_TIMEOUT_MS: ['0'],
  MAX_QUEUED_JOBS: ['0'],
  REDIS_WAIT_REPLICAS: ['-1', '11', 'all'],
  TENANT_STORED_BYTES: ['1'],
  TRUSTED_PROXIES: ['proxy.example', '10.0.0.0/33'],
};
/** Any value can be valid; the folders and the tenants file are opened later in the start. */
const open = [
  'API_TOKEN',
  'REDIS_PASSWORD',
  'GIT_WORK_DIR',
  'BLOB_TEMPORARY_DIR',
  'TENANTS_FILE',
  ...['PATH', 'http_proxy', 'https_proxy', 'no_proxy', 'HTTPS_PROXY', 'NO_PROXY'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO'],
];

describeSettings({
  service: 'API',
  loadConfig,
  least: { PAYLOAD_SECRET: 'x', BLOB_STORE: 'file:///blobs' },
  bad,
  open,
});
