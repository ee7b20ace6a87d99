import { isIP } from 'node:net';
import { type HttpSettings, httpSettings } from '../http/settings.js';
import type { Fields } from './fields.js';
import { type TracingConfig, tracingConfig } from './tracing.js';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** Settings that every service reads. */
export interface CommonConfig {
  readonly logLevel: (typeof logLevels)[number];
  readonly shutdownGraceMs: number;
  readonly port: number;
  /** The address to listen on; unset means all addresses of the machine. */
  readonly bindHost: string | undefined;
  /** A separate port for /metrics; unset means the service's port. */
  readonly metricsPort: number | undefined;
  /** A separate port for health checks, besides the service's; unset means none. */
  readonly healthPort: number | undefined;
  /** Undefined when tracing is off. */
  readonly tracing?: TracingConfig | undefined;
  readonly http: HttpSettings;
}

export function commonConfig(
  fields: Fields,
  defaults: { port: number; shutdownGraceMs?: number },
): CommonConfig {
  const ports = {
    port: fields.int('PORT', { doc: 'HTTP port', default: defaults.port, max: 65535 }),
    metricsPort: fields.optionalInt('METRICS_PORT', {
      doc: 'A separate port for `/metrics`',
      shownDefault: "the service's own",
      max: 65535,
    }),
    healthPort: fields.optionalInt('HEALTH_PORT', {
      doc: 'A port for `/healthz` and `/readyz` besides the one of the service, which clients of the service cannot fill',
      shownDefault: 'none; in the images api 9080, worker 9090, builder 9081',
      max: 65535,
    }),
  };
  refuseEqual(fields, [
    ['PORT', ports.port],
    ['METRICS_PORT', ports.metricsPort],
    ['HEALTH_PORT', ports.healthPort],
  ]);
  return {
    ...ports,
    logLevel: fields.oneOf('LOG_LEVEL', {
      doc: logLevels.map((level) => `\`${level}\``).join(', '),
      values: logLevels,
      default: 'info',
    }),
    shutdownGraceMs: fields.int('SHUTDOWN_GRACE_MS', {
      doc: 'Time to finish after SIGTERM. A second signal ends the process at once',
      default: defaults.shutdownGraceMs ?? 25_000,
    }),
    bindHost: fields.optionalParsed('BIND_HOST', {
      doc: 'Address to listen on',
      shownDefault: 'every address',
      parse: parseHost,
    }),
    tracing: tracingConfig(fields),
    http: httpSettings(fields),
  };
}

/** Refuses the same port for two servers. Port 0 takes any free port. */
function refuseEqual(
  fields: Fields,
  ports: readonly (readonly [name: string, port: number | undefined])[],
): void {
  for (const [at, [name, port]] of ports.entries()) {
    const same = ports.slice(0, at).find(([, earlier]) => earlier === port);
    if (port && same) fields.problems.push(`${name} must differ from ${same[0]}, which is ${port} too`);
  }
}

function parseHost(raw: string): string {
  if (isIP(raw) === 0 && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(raw))
    throw new Error(`must be an IP address or a host name, not '${raw}'`);
  return raw;
}
