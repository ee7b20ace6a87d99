import type { Fields } from '../config/fields.js';

/** Limits of an HTTP server on its clients. */
export interface HttpSettings {
  /** Milliseconds for the headers of a request, from the opening of its connection or the end of the previous request. */
  readonly headersTimeoutMs: number;
  readonly maxHeaderBytes: number;
  /** Milliseconds that a connection may stay open without a request. */
  readonly keepAliveTimeoutMs: number;
  /** Maximum of open connections. The server closes further ones. */
  readonly maxConnections: number;
  /** Maximum of connections per network: an IPv4 address, or an IPv6 /64. The server closes further ones. */
  readonly maxConnectionsPerNetwork: number;
  /** The minimum pace of a body while the server waits for it; 0 means none. */
  readonly minBodyBytesPerSecond: number;
  /** Milliseconds over which the pace is measured: a line may stall for less. */
  readonly bodyGraceMs: number;
  /** Undefined means HTTP without TLS. */
  readonly tls: TlsFiles | undefined;
}

export interface TlsFiles {
  /** A PEM file with the certificate and its intermediates. */
  readonly certFile: string;
  /** A PEM file with the key. */
  readonly keyFile: string;
}

export const defaultHttpSettings: HttpSettings = {
  headersTimeoutMs: 10_000,
  maxHeaderBytes: 16 * 1024,
  // Longer than the keep-alive time of most proxies (a minute), so that no proxy sends into a closing connection.
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
    headersTimeoutMs: fields.int('HTTP_HEADERS_TIMEOUT_MS', {
      doc: 'For the headers of a request, and for the TLS handshake',
      default: usual.headersTimeoutMs,
      min: 100,
    }),
    maxHeaderBytes: fields.int('HTTP_MAX_HEADER_BYTES', {
      doc: 'Limit of the headers of a request',
      default: usual.maxHeaderBytes,
      min: 4_096,
      max: 1024 * 1024,
    }),
    keepAliveTimeoutMs: fields.int('HTTP_KEEP_ALIVE_TIMEOUT_MS', {
      doc: 'How long a connection stays open without a request. Use more than a proxy before the service uses',
      default: usual.keepAliveTimeoutMs,
      min: 1,
    }),
    maxConnections: fields.int('HTTP_MAX_CONNECTIONS', {
      doc: 'Open connections. The service closes further ones',
      default: usual.maxConnections,
      min: 1,
    }),
    maxConnectionsPerNetwork: fields.int('HTTP_MAX_CONNECTIONS_PER_NETWORK', {
      doc: 'The same per network: an IPv4 address or an IPv6 /64. On the API not for `TRUSTED_PROXIES`',
      default: usual.maxConnectionsPerNetwork,
      min: 1,
    }),
    minBodyBytesPerSecond: fields.int('HTTP_MIN_BODY_BYTES_PER_SECOND', {
      doc: 'The minimum pace of a body while the service waits for it; 0 for none',
      default: usual.minBodyBytesPerSecond,
    }),
    bodyGraceMs: fields.int('HTTP_BODY_GRACE_MS', {
      doc: 'The time over which the pace is measured',
      default: usual.bodyGraceMs,
      min: 100,
    }),
    tls: tlsFiles(fields),
  };
}

function tlsFiles(fields: Fields): TlsFiles | undefined {
  const certFile = fields.optional('TLS_CERT_FILE', {
    doc: 'PEM: the certificate with its chain; [HTTP and TLS](http.md)',
    shownDefault: 'none, plain HTTP',
  });
  const keyFile = fields.optional('TLS_KEY_FILE', { doc: 'PEM: its key' });
  if (certFile === undefined && keyFile === undefined) return undefined;
  return {
    certFile: certFile ?? fields.string('TLS_CERT_FILE'),
    keyFile: keyFile ?? fields.string('TLS_KEY_FILE'),
  };
}
