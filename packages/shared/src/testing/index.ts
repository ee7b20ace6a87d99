import { describe, expect, it } from 'vitest';
import { ConfigError, type Env } from '../config/index.js';

/** Invalid values by setting. An empty value leaves the setting unset. */
type BadSettings = Readonly<Record<string, readonly string[]>>;

const noFile = '/nowhere/file';

/** Turns tracing on, so that its settings are read. */
const tracingOn: Env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

/** Settings of the services that receive payloads. */
export const badPayloadSettings: BadSettings = {
  MAX_SOURCE_FILES: ['0'],
  MAX_SOURCE_BYTES: ['0'],
  UNVERIFIED_PAYLOAD_BYTES: ['1'],
  MIN_FREE_DISK_BYTES: ['-1'],
};

/** Settings that every service reads. */
const badCommonSettings: BadSettings = {
  LOG_LEVEL: ['loud'],
  SHUTDOWN_GRACE_MS: ['-1', '1.5', '25s', '2147483648'],
  PORT: ['http', '65536'],
  BIND_HOST: ['http://127.0.0.1', '127.0.0.1:80', '-'],
  METRICS_PORT: ['no', '65536'],
  HEALTH_PORT: ['no', '-1'],
  HTTP_HEADERS_TIMEOUT_MS: ['99'],
  HTTP_MAX_HEADER_BYTES: ['4095', '1048577'],
  HTTP_KEEP_ALIVE_TIMEOUT_MS: ['0'],
  HTTP_MAX_CONNECTIONS: ['0'],
  HTTP_MAX_CONNECTIONS_PER_NETWORK: ['0'],
  HTTP_MIN_BODY_BYTES_PER_SECOND: ['-1'],
  HTTP_BODY_GRACE_MS: ['99'],
  PAYLOAD_SECRET_PREVIOUS: ['a\nb\nc\nd\ne'],
  PAYLOAD_SECRET_PREVIOUS_FILE: [noFile],
  PAYLOAD_SECRET_FILE: [noFile],
  OTEL_TRACES_EXPORTER: ['zipkin'],
  OTEL_EXPORTER_OTLP_ENDPOINT: ['127.0.0.1:4318'],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ['ftp://x'],
  OTEL_EXPORTER_OTLP_PROTOCOL: ['grpc'],
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: ['grpc'],
  OTEL_EXPORTER_OTLP_TIMEOUT: ['0'],
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: ['soon'],
  OTEL_EXPORTER_OTLP_HEADERS: ['a'],
  OTEL_EXPORTER_OTLP_HEADERS_FILE: [noFile],
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: ['a b=c'],
  OTEL_EXPORTER_OTLP_TRACES_HEADERS_FILE: [noFile],
  OTEL_RESOURCE_ATTRIBUTES: ['a', 'a=%zz'],
  OTEL_TRACES_SAMPLER: ['often'],
  OTEL_TRACES_SAMPLER_ARG: ['2', 'half'],
  OTEL_BSP_MAX_QUEUE_SIZE: ['0'],
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: ['0'],
  OTEL_BSP_SCHEDULE_DELAY: ['0'],
};

/** Settings of every service for which any value can be valid, and files that are read when the server starts. */
const openCommonSettings = [
  'OTEL_SDK_DISABLED',
  'OTEL_SERVICE_NAME',
  'PAYLOAD_SECRET',
  'TLS_CERT_FILE',
  'TLS_KEY_FILE',
];

/** Settings of the services that use Redis. */
export const badRedisSettings: BadSettings = {
  REDIS_SENTINEL_USER: ['x'],
  REDIS_SENTINEL_PASSWORD: ['x'],
  REDIS_SENTINEL_PASSWORD_FILE: [noFile],
  REDIS_URL: [
    ...['http://127.0.0.1', 'redis://a:%zz@127.0.0.1', 'redis://a:1,b:2'],
    ...['redis+sentinel://a', 'redis+cluster://a:0', 'redis+cluster://a/1'],
  ],
  REDIS_URL_FILE: [noFile],
  REDIS_PREFIX: ['a b'],
  REDIS_PASSWORD_FILE: [noFile],
  REDIS_CA_FILE: [noFile],
  REDIS_CERT_FILE: [noFile],
  REDIS_KEY_FILE: [noFile],
  EGRESS_ALLOW: ['not a network'],
  PUBLIC_URL: ['slipway.example', 'https://a:b@slipway.example'],
  BLOB_STORE: ['', 's3://bucket', '/var/lib/slipway', 'file://elsewhere/blobs'],
  BLOB_STORE_LOGS: ['logs', 's3://key:word@bucket?region=eu-central-1'],
};

interface SettingsOptions {
  readonly service: string;
  readonly loadConfig: (env: Env) => unknown;
  /** The required settings. */
  readonly least: Readonly<Record<string, string>>;
  /** The settings of the service besides `badCommonSettings`. */
  readonly bad: BadSettings;
  /** The settings of the service, besides `openCommonSettings`, for which any value can be valid. */
  readonly open: readonly string[];
  /** Returns the names of the settings that the service reads. By default, those that `loadConfig` reads from its environment. */
  readonly read?: (env: Env) => readonly string[];
}

/** Tests that the table has every setting of a service, and that the service refuses each bad value by the name of the setting. */
export function describeSettings({ service, loadConfig, least, ...options }: SettingsOptions): void {
  const bad = { ...badCommonSettings, ...options.bad };
  const { read = (env: Env) => settingsRead(loadConfig, env) } = options;
  describe(`every setting of the ${service}`, () => {
    it('is in this table', () => {
      const known = new Set([...Object.keys(bad), ...openCommonSettings, ...options.open]);
      expect([...new Set(read({ ...least, ...tracingOn }))].sort()).toEqual([...known].sort());
    });

    it.each(Object.entries(bad).flatMap(([name, values]) => values.map((value) => [name, value] as const)))(
      'is refused by name: %s=%j',
      (name, value) => {
        const load = () => loadConfig({ ...least, ...tracingOn, [name]: value });
        expect(load).toThrow(ConfigError);
        expect(load).toThrow(new RegExp(`^  .*\\b${name}\\b`, 'm'));
      },
    );
  });
}

/** Returns the sorted names of the settings that `loadConfig` reads from an environment. */
export function settingsRead(loadConfig: (env: Env) => unknown, env: Env): string[] {
  const names = new Set<string>();
  const watched = new Proxy(env, {
    get(target, name) {
      if (typeof name === 'string') names.add(name);
      return Reflect.get(target, name);
    },
  });
  loadConfig(watched);
  return [...names].sort();
}
