import type { Fields } from '../config/fields.js';

/** Bounds of an HTTP server on what clients may take of it. */
export interface HttpSettings {
  /** For the headers of a request, from the opening of its connection or the end of the request before. */
  readonly headersTimeoutMs: number;
  readonly maxHeaderBytes: number;
  /** How long a connection may stay open without a request. */
  readonly keepAliveTimeoutMs: number;
  /** Open at once; further ones are closed as they come. */
  readonly maxConnections: number;
  /** Of one network: an address of IPv4, a /64 of IPv6. Further ones are closed as they come. */
  readonly maxConnectionsPerNetwork: number;
  /** The pace that a body must keep while it is waited for; 0 asks for none. */
  readonly minBodyBytesPerSecond: number;
  /** Over how long the pace is taken: a line may stall for shorter. */
  readonly bodyGraceMs: number;
  /** Undefined: HTTP without TLS. */
  readonly tls: TlsFiles | undefined;
}

export interface TlsFiles {
  /** PEM: the certificate, and those between it and the authority. */
  readonly certFile: string;
  /** PEM. */
  readonly keyFile: string;
}

export const defaultHttpSettings: HttpSettings = {
  headersTimeoutMs: 10_000,
  maxHeaderBytes: 16 * 1024,
  // Longer than what proxies keep their connections for, mostly a minute, so that none sends into one that is being closed.
  keepAliveTimeoutMs: 65_000,
  maxConnections: 4_096,
  maxConnectionsPerNetwork: 1_024,
  minBodyBytesPerSecond: 1_024,
  bodyGraceMs: 15_000,
  tls: undefined,
};

export function httpSettings(fields: Fields): HttpSettings {
  const usual = defaultHttpSettings;
  return {
    headersTimeoutMs: fields.int('HTTP_HEADERS_TIMEOUT_MS', { default: usual.headersTimeoutMs, min: 100 }),
    maxHeaderBytes: fields.int('HTTP_MAX_HEADER_BYTES', {
      ...{ default: usual.maxHeaderBytes, min: 4_096, max: 1024 * 1024 },
    }),
    keepAliveTimeoutMs: fields.int('HTTP_KEEP_ALIVE_TIMEOUT_MS', {
      ...{ default: usual.keepAliveTimeoutMs, min: 1 },
    }),
    maxConnections: fields.int('HTTP_MAX_CONNECTIONS', { default: usual.maxConnections, min: 1 }),
    maxConnectionsPerNetwork: fields.int('HTTP_MAX_CONNECTIONS_PER_NETWORK', {
      ...{ default: usual.maxConnectionsPerNetwork, min: 1 },
    }),
    minBodyBytesPerSecond: fields.int('HTTP_MIN_BODY_BYTES_PER_SECOND', {
      default: usual.minBodyBytesPerSecond,
    }),
    bodyGraceMs: fields.int('HTTP_BODY_GRACE_MS', { default: usual.bodyGraceMs, min: 100 }),
    tls: tlsFiles(fields),
  };
}

function tlsFiles(fields: Fields): TlsFiles | undefined {
  const certFile = fields.optional('TLS_CERT_FILE');
  const keyFile = fields.optional('TLS_KEY_FILE');
  if (certFile === undefined && keyFile === undefined) return undefined;
  return {
    certFile: certFile ?? fields.string('TLS_CERT_FILE'),
    keyFile: keyFile ?? fields.string('TLS_KEY_FILE'),
  };
}
