import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findTool } from '@slipway/local';
import { type Fleet, startFleet } from '@slipway/simulator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canUsePrometheus } from '../monitoring/prometheus.js';
import { type KubernetesObject, render, valueFiles } from './chart.js';
import { readValueLocation } from './keda.js';

interface Target {
  readonly kind: string;
  readonly name: string;
}

interface ScaledObject {
  readonly scaleTargetRef: Target;
  readonly triggers: readonly { readonly metadata: Readonly<Record<string, string>> }[];
}

interface Autoscaler {
  readonly scaleTargetRef: Target;
  readonly metrics: readonly {
    readonly external?: {
      readonly metric: {
        readonly name: string;
        readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
      };
      readonly target: Readonly<Record<string, string>>;
    };
  }[];
}

const specsOf = <T>(objects: readonly KubernetesObject[], kind: string) =>
  objects.filter((object) => object.kind === kind).map(({ spec }) => spec as T);
const rendered = await Promise.all(valueFiles.map((file) => render({ file })));
const withPools = (pools: object, more: object = {}) =>
  render({ file: 'minimal', values: { pools, ...more } });

/** The places of values that triggers name. For an HPA: the metric with its labels. */
const locations = [
  ...new Set(
    rendered.flatMap((objects) => [
      ...specsOf<ScaledObject>(objects, 'ScaledObject').flatMap(({ triggers }) =>
        triggers.map(({ metadata }) => metadata.valueLocation ?? ''),
      ),
      ...specsOf<Autoscaler>(objects, 'HorizontalPodAutoscaler').flatMap(({ metrics }) =>
        metrics.flatMap(({ external }) => {
          if (external === undefined) return [];
          const { name, selector } = external.metric;
          const labels = Object.entries(selector.matchLabels).map(([label, value]) => `${label}="${value}"`);
          return [`${name}{${labels.join(',')}}`];
        }),
      ),
    ]),
  ),
];
const poolOf = (location: string) => /pool="([^"]+)"/.exec(location)?.[1] ?? '';

describe('the metrics that autoscalers read', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    const empty = locations.map(poolOf).filter((pool) => pool !== 'default');
    fleet = await startFleet({
      ...{ replicas: [{ slots: 2 }], workers: 1 },
      env: { worker: { POOLS: empty.map((pool) => `${pool}#max=2`).join(',') } },
    });
  });
  afterAll(async () => await fleet.stop());
  const metrics = async () => await (await fetch(new URL('/metrics', fleet.apis[0]?.url))).text();

  test('are served by a running Slipway, at the place that each names', async () => {
    expect(locations.length).toBeGreaterThan(2);
    for (const location of locations)
      await expect.poll(async () => readValueLocation(await metrics(), location)).toBe(0);
  });

  test('say that a pool without builders wants one once a job waits for it', async () => {
    const [location = ''] = locations.filter((text) => poolOf(text) !== 'default');
    const source = { digest: fleet.source };
    const json = { image: 'registry.test/helm/scaled:1', source, pool: poolOf(location) };
    expect(await fleet.calls.call('/v1/jobs', { method: 'POST', json })).toMatchObject({ status: 202 });
    await expect.poll(async () => readValueLocation(await metrics(), location)).toBe(1);
  });

  test.runIf(canUsePrometheus)('are in a text that the parser of KEDA and Prometheus reads', async () => {
    const child = spawn(findTool('promtool') ?? '', ['check', 'metrics'], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    const problems: Buffer[] = [];
    child.stderr.on('data', (chunk) => problems.push(chunk));
    child.stdin.end(await metrics());
    const [code] = await once(child, 'close');
    // 3: it parsed the text, and dislikes names of metrics.
    expect([0, 3], Buffer.concat(problems).toString()).toContain(code);
  });
});

test('KEDA compares labels for equality, and a series that is absent is an error', () => {
  const text = '# TYPE wanted gauge\nwanted{pool="a"} 0\nwanted{zone="x",pool="arm"} 4\nother 7\n';
  expect(readValueLocation(text, 'wanted{pool="arm"}')).toBe(4);
  expect(() => readValueLocation(text, 'wanted{pool="ar"}')).toThrow('value wanted{pool="ar"} not found');
  expect(() => readValueLocation(text, 'wanted{pool=~"a.*"}')).toThrow(
    'no comparison of a label for equality',
  );
});

describe.each(valueFiles)('autoscalers and budgets with the values %s', (file) => {
  test('have targets whose replicas the chart leaves alone', async () => {
    const objects = await render({ file });
    const targets = [
      ...specsOf<ScaledObject>(objects, 'ScaledObject'),
      ...specsOf<Autoscaler>(objects, 'HorizontalPodAutoscaler'),
    ].map(({ scaleTargetRef }) => `${scaleTargetRef.kind} ${scaleTargetRef.name}`);
    expect(new Set(targets).size).toBe(targets.length);
    const workloads = objects.filter(({ kind }) => ['Deployment', 'StatefulSet'].includes(kind));
    const withoutReplicas = workloads.filter(({ spec }) => !Object.hasOwn(spec as object, 'replicas'));
    expect(withoutReplicas.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual(
      targets.toSorted(),
    );
  });

  test('read the Service of the API with its namespace and port', async () => {
    const objects = await render({ file });
    const services = objects.filter(({ kind }) => kind === 'Service');
    for (const { triggers } of specsOf<ScaledObject>(objects, 'ScaledObject'))
      for (const { metadata } of triggers) {
        const url = new URL(metadata.url ?? '');
        const [name, namespace] = url.hostname.split('.');
        const found = services.filter((service) => service.metadata.name === name);
        const ports = found.flatMap(({ spec }) => (spec as { ports: object[] }).ports);
        expect([namespace, url.pathname]).toEqual(['slipway', '/metrics']);
        expect(ports).toEqual([expect.objectContaining({ port: Number(url.port), targetPort: 'metrics' })]);
      }
  });

  test('give each workload of Slipway a budget that selects its pods alone', async () => {
    const objects = await render({ file });
    const budgets = objects.filter(({ kind }) => kind === 'PodDisruptionBudget');
    const selectors = budgets.map(
      ({ spec }) => (spec as { selector: { matchLabels: unknown } }).selector.matchLabels,
    );
    const workloads = objects
      .filter(({ kind, metadata }) => {
        const component = metadata.labels?.['app.kubernetes.io/component'] ?? '';
        return (
          ['Deployment', 'StatefulSet'].includes(kind) && ['api', 'worker', 'builder'].includes(component)
        );
      })
      .map(({ spec }) => (spec as { selector: { matchLabels: unknown } }).selector.matchLabels);
    expect(new Set(selectors)).toEqual(new Set(workloads));
    expect(budgets).toHaveLength(workloads.length);
  });
});

test('the target makes an HPA want as many replicas as the metric says', async () => {
  const autoscaling = { enabled: true, minReplicas: 1 };
  const objects = await withPools({
    keda: { autoscaling },
    plain: { autoscaling: { ...autoscaling, kind: 'hpa' } },
  });
  const [scaled] = specsOf<ScaledObject>(objects, 'ScaledObject');
  expect(scaled?.triggers).toEqual([
    expect.objectContaining({
      type: 'metrics-api',
      metricType: 'AverageValue',
      metadata: expect.objectContaining({ format: 'prometheus', targetValue: '1' }),
    }),
  ]);
  const [autoscaler] = specsOf<Autoscaler>(objects, 'HorizontalPodAutoscaler');
  expect(autoscaler?.metrics.map(({ external }) => external?.target)).toEqual([
    { type: 'AverageValue', averageValue: '1' },
  ]);
});

test.each([
  [
    { kind: 'hpa', minReplicas: 0 },
    'pools.p.autoscaling.minReplicas is 0, but an HPA cannot start the first builder.',
  ],
  [{ minReplicas: 11 }, 'pools.p.autoscaling.minReplicas is 11, which is more than maxReplicas, 10.'],
  [
    { minReplicas: 0, idleReplicas: 0 },
    'pools.p.autoscaling.idleReplicas is 0. It must be less than minReplicas, 0.',
  ],
  [{ idleReplicas: 1, minReplicas: 2 }, 'idleReplicas'],
  [{ kind: 'cron' }, 'kind'],
])('refuses autoscaling %j with a message', async (autoscaling, message) => {
  const pools = { p: { autoscaling: { enabled: true, ...autoscaling } } };
  await expect(withPools(pools)).rejects.toThrow(message);
});
