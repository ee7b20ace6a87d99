import { isIP } from 'node:net';
import { type HttpSettings, httpSettings } from '../http/settings.js';
import type { Fields } from './fields.js';
import { Secret } from './secret.js';
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
  defaults: { readonly port: number; readonly shutdownGraceMs?: number },
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
      shownDefault: '25000; of worker and builder `BUILD_TIMEOUT_MS` and a minute',
      max: longestTimerMs,
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

/** Timers take 31 bits of milliseconds, some 25 days. */
const longestTimerMs = 2 ** 31 - 1;
/** For the start of a build and for its end, beside its time limit. */
const graceBesideBuildMs = 60_000;

/** Returns the default grace time of a process with builds: it covers each build within the time limit. */
export const graceForBuilds = (buildTimeoutMs: number) =>
  Math.min(buildTimeoutMs + graceBesideBuildMs, longestTimerMs);

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

/** The installation's payload secret, and the previous secrets during a rotation. */
export interface PayloadSecrets {
  readonly payloadSecret: Secret;
  /** The newest first. Slipway opens and verifies with them, but never seals or signs with them. */
  readonly previousPayloadSecrets: readonly Secret[];
}

/** Bounds the cost: every secret is tried when opening, and payloads are verified against all of them as they stream. */
const maxPreviousSecrets = 4;

export function payloadSecrets(fields: Fields): PayloadSecrets {
  return {
    payloadSecret: fields.secret('PAYLOAD_SECRET', {
      doc: 'Signs build payloads, and seals stored secrets. The same for all services',
    }),
    previousPayloadSecrets: previousPayloadSecrets(fields),
  };
}

/** Returns the secrets of `PAYLOAD_SECRET_PREVIOUS`, one a line. */
export function previousPayloadSecrets(fields: Fields): readonly Secret[] {
  const doc =
    'Up to four others, one a line, that services still accept during a [replacement](payload-secret.md)';
  return fields.parsedSecret('PAYLOAD_SECRET_PREVIOUS', { doc, parse: parseSecrets }) ?? [];
}

function parseSecrets(text: string): Secret[] {
  const lines = text.split('\n').map((line) => line.trim());
  const secrets = [...new Set(lines)].filter((line) => line !== '');
  if (secrets.length > maxPreviousSecrets)
    throw new Error(`must hold at most ${maxPreviousSecrets} secrets, one a line`);
  return secrets.map((secret) => new Secret(secret));
}

/** Returns `PUBLIC_URL`, the address of the API for users and webhook receivers: an origin and an optional path, without a trailing slash. */
export function publicUrl(fields: Fields): string | undefined {
  return fields.optionalParsed('PUBLIC_URL', {
    doc: 'Where people and receivers of webhooks find the API: an origin and an optional path. Links in messages begin with it; without it they are paths',
    parse: parsePublicUrl,
  });
}

function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new Error('must be an http or https URL');
  if (url.username !== '' || url.password !== '') throw new Error('must not hold credentials');
  if (url.search !== '' || url.hash !== '') throw new Error('must have no query or fragment');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
