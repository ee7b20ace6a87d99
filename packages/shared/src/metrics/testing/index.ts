import { readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';

/** A metric in one line: name, type and labels. */
const line = (name: string, type: string, labels: readonly string[]) =>
  `${name} ${type} ${labels.toSorted().join(',')}`.trim();

/** What docs/metrics.md says of the metrics of a service, under its heading. */
export function documentedMetrics(service: 'api' | 'worker' | 'builder'): string[] {
  const text = readFileSync(new URL('../../../../../docs/metrics.md', import.meta.url), 'utf8');
  const parts = text.split(/^## /m);
  const wanted = parts.filter((part) => {
    const heading = part.split('\n', 1)[0] ?? '';
    return heading === 'Processes' || heading.split(' and ').includes(`\`${service}\``);
  });
  return wanted
    .flatMap((part) => [...part.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*)\|/gm)])
    .map(([, name = '', type = '', labels = '']) =>
      line(
        name,
        type,
        [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
      ),
    )
    .sort();
}

/** The metrics that a registry has; those of the process and of Node.js are prom-client's own, and left out. */
export function registeredMetrics(registry: Registry): string[] {
  const types = ['counter', 'gauge', 'histogram', 'summary'] as const;
  return registry
    .getMetricsAsArray()
    .filter(({ name }) => name.startsWith('slipway_'))
    .map((metric) => {
      // In both, but in no type of prom-client: how a metric is kept.
      const { labelNames = [] } = metric as unknown as { labelNames?: string[] };
      const kind = (metric.constructor as { name: string }).name.toLowerCase();
      return line(metric.name, types.find((type) => type === kind) ?? kind, labelNames);
    })
    .sort();
}
