import { type HttpSettings, httpSettings } from '../http/settings.js';
import type { Fields } from './fields.js';
import { type TracingConfig, tracingConfig } from './tracing.js';

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
  /** A port of its own for health checks, beside the service's; unset means none. */
  readonly healthPort: number | undefined;
  /** Undefined where there are no traces. */
  readonly tracing?: TracingConfig | undefined;
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
    healthPort: fields.optionalInt('HEALTH_PORT', { max: 65535 }),
    tracing: tracingConfig(fields),
    http: httpSettings(fields),
  };
}
