import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** Exports the service's version, and prom-client's metrics of the process and Node.js. */
export function measureProcess({ registry }: { readonly registry: Registry }): void {
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'slipway_build_info',
    help: 'Always 1; the label has the running version',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: ownVersion() }, 1);
}

/** Returns the version that all packages of a release share. */
function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

interface CertificatesOptions {
  readonly registry: Registry;
  /** Gives at each scrape the client certificate in PEM that the next connection to Redis uses. */
  readonly redis?: { readonly certificate: string | undefined } | undefined;
}

/** Exports the expiry of certificates. The returned function receives each new server certificate. */
export function measureCertificates({ registry, redis }: CertificatesOptions): (pem: string) => void {
  const gauge = new Gauge({
    name: 'slipway_certificate_not_after_timestamp_seconds',
    help: 'Expiry of a certificate and its chain, in Unix time',
    labelNames: ['use'],
    registers: [registry],
    collect() {
      const pem = redis?.certificate;
      if (pem !== undefined) this.set({ use: 'redis_client' }, notAfter(pem) / 1_000);
    },
  });
  return (pem) => gauge.set({ use: 'server' }, notAfter(pem) / 1_000);
}

const certificates = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

/** Returns the earliest expiry of a PEM chain, in milliseconds since the epoch. */
function notAfter(pem: string): number {
  const ends = [...pem.matchAll(certificates)].map(([text]) => Date.parse(new X509Certificate(text).validTo));
  return Math.min(...ends);
}
