import { type HttpSettings, httpSettings } from '../http/settings.js';
import type { Fields } from './fields.js';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** What every service reads. */
export interface CommonConfig {
  readonly logLevel: (typeof logLevels)[number];
  readonly shutdownGraceMs: number;
  readonly port: number;
  /** The address to listen on; unset means all of the machine's. */
  readonly bindHost: string | undefined;
  /** A port of its own for /metrics; unset means the service's port. */
  readonly metricsPort: number | undefined;
  readonly http: HttpSettings;
}

export function commonConfig(
  fields: Fields,
  defaults: { port: number; shutdownGraceMs?: number },
): CommonConfig {
  return {
    logLevel: fields.oneOf('LOG_LEVEL', logLevels, 'info'),
    shutdownGraceMs: fields.int('SHUTDOWN_GRACE_MS', { default: defaults.shutdownGraceMs ?? 25_000 }),
    port: fields.port('PORT', defaults.port),
    bindHost: fields.optional('BIND_HOST'),
    metricsPort: fields.optionalInt('METRICS_PORT', { max: 65535 }),
    http: httpSettings(fields),
  };
}

/** Where the records and the queue live, for the services that use Redis. */
export interface RedisConfig {
  readonly redisUrl: string;
  readonly redisPrefix: string;
}

export function redisConfig(fields: Fields): RedisConfig {
  return {
    redisUrl: fields.parsed('REDIS_URL', redisUrl, 'redis://127.0.0.1:6379') ?? '',
    redisPrefix: fields.parsed('REDIS_PREFIX', redisPrefix, 'slipway') ?? '',
  };
}

function redisUrl(raw: string): string {
  const { protocol } = new URL(raw);
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    throw new Error('must start with redis:// or rediss://');
  return raw;
}

function redisPrefix(raw: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(raw)) throw new Error('must be 1 to 64 letters, digits, dots, dashes');
  return raw;
}
