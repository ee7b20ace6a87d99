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
