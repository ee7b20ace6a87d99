import { readFileSync } from 'node:fs';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** What each service says of itself: its version, and prom-client's metrics of the process and of Node.js. */
export function measureProcess({ registry }: { readonly registry: Registry }): void {
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'slipway_build_info',
    help: 'Always 1; which version runs',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: ownVersion() }, 1);
}

/** All packages of a release have one version. */
function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
