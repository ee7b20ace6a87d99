/**
 * Returns the value that KEDA's metrics-api trigger reads with `format: prometheus`. As KEDA does, it takes the first series of the
 * metric whose labels equal those of `valueLocation`, and rejects operators: KEDA reads each one as `=`.
 */
export function readValueLocation(metrics: string, valueLocation: string): number {
  const [, name = '', matchers = ''] = /^(\w+)\{(.*)\}$/.exec(valueLocation) ?? [];
  const wanted = matchers.split(',').map((matcher) => {
    const [, label = '', value = ''] = /^(\w+)="([^"\\]*)"$/.exec(matcher) ?? [];
    if (label === '') throw new Error(`${matcher} is no comparison of a label for equality`);
    return `${label}="${value}"`;
  });
  for (const [, found, labels = '', value] of metrics.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const has: readonly string[] = labels.match(/\w+="(?:[^"\\]|\\.)*"/g) ?? [];
    if (found === name && wanted.every((matcher) => has.includes(matcher))) return Number(value);
  }
  throw new Error(`value ${valueLocation} not found`);
}
