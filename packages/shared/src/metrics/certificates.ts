import { X509Certificate } from 'node:crypto';
import { Gauge, type Registry } from 'prom-client';

interface CertificatesOptions {
  readonly registry: Registry;
  /** Gives at each scrape the client certificate in PEM that the next connection to Redis uses. */
  readonly redis?: { readonly certificate: string | undefined } | undefined;
}

/** Exports the expiry of certificates. The returned function receives each new server certificate. */
export function measureCertificates({ registry, redis }: CertificatesOptions): (pem: string) => void {
  const set = (use: 'server' | 'redis_client', pem: string | undefined) => {
    if (pem !== undefined) gauge.set({ use }, notAfter(pem) / 1_000);
  };
  const gauge = new Gauge({
    name: 'slipway_certificate_not_after_timestamp_seconds',
    help: 'Expiry of a certificate and its chain, in Unix time',
    labelNames: ['use'],
    registers: [registry],
    collect: () => set('redis_client', redis?.certificate),
  });
  return (pem) => set('server', pem);
}

const certificates = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

/** Returns the earliest expiry of a PEM chain, in milliseconds since the epoch. */
function notAfter(pem: string): number {
  const ends = [...pem.matchAll(certificates)].map(([text]) => Date.parse(new X509Certificate(text).validTo));
  return Math.min(...ends);
}
