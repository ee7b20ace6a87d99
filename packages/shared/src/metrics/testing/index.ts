import { readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';

interface Described {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** Formats a metric in one line: name, type, labels and help. */
const line = ({ name, type, labels, help }: Described) =>
  `${name} ${type} ${labels.toSorted().join(',')}: ${help}`;

/** Returns the metrics that docs/metrics.md lists for a service. The help is the first sentence of their meaning. */
export function documentedMetrics(service: 'api' | 'worker' | 'builder'): string[] {
  const text = readFileSync(new URL('../../../../../docs/metrics.md', import.meta.url), 'utf8');
  const parts = text.split(/^## /m);
  const wanted = parts.filter((part) => {
    const heading = part.split('\n', 1)[0] ?? '';
    return heading === 'Processes' || heading.split(' and ').includes(`\`${service}\``);
  });
  return wanted
    .flatMap((part) => [...part.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*)\| (.*?)(?:\. .*)? \|$/gm)])
    .map(([, name = '', type = '', labels = '', help = '']) =>
      line({ name, type, help, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label) }),
    )
    .sort();
}

/** Returns the metrics of a registry without prom-client's own metrics of the process and Node.js. */
export function registeredMetrics(registry: Registry): string[] {
  const types = ['counter', 'gauge', 'histogram', 'summary'] as const;
  return registry
    .getMetricsAsArray()
    .filter(({ name }) => name.startsWith('slipway_'))
    .map((metric) => {
      // Each metric has it, but prom-client's types do not.
      const { labelNames = [] } = metric as unknown as { labelNames?: string[] };
      const kind = (metric.constructor as { name: string }).name.toLowerCase();
      const { name, help } = metric;
      return line({ name, help, type: types.find((type) => type === kind) ?? kind, labels: labelNames });
    })
    .sort();
}
