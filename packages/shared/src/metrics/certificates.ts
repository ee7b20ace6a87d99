import { X509Certificate } from 'node:crypto';
import { Gauge, type Registry } from 'prom-client';

interface CertificatesOptions {
  readonly registry: Registry;
  /** Asked at each scrape for the client certificate in PEM that the next connection to Redis shows. */
  readonly redis?: { readonly certificate: string | undefined } | undefined;
}

/** Says until when certificates are valid. What it returns is to be told the one that clients are shown, whenever that is another. */
export function measureCertificates({ registry, redis }: CertificatesOptions): (pem: string) => void {
  const set = (use: 'server' | 'redis_client', pem: string | undefined) => {
    if (pem !== undefined) gauge.set({ use }, notAfter(pem) / 1_000);
  };
  const gauge = new Gauge({
    name: 'slipway_certificate_not_after_timestamp_seconds',
    help: 'Until when a certificate and its chain are valid, in Unix time',
    labelNames: ['use'],
    registers: [registry],
    collect: () => set('redis_client', redis?.certificate),
  });
  return (pem) => set('server', pem);
}

const certificates = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

/** Milliseconds since the epoch at which the first certificate of a chain in PEM runs out. */
function notAfter(pem: string): number {
  const ends = [...pem.matchAll(certificates)].map(([text]) => Date.parse(new X509Certificate(text).validTo));
  return Math.min(...ends);
}
