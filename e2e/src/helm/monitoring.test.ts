import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { root } from '../compose/model.js';
import { scratchFolder } from '../context.js';
import { canUsePrometheus, readConfig } from '../monitoring/prometheus.js';
import { chartFolder, type KubernetesObject, render } from './chart.js';
import { podsOf } from './pods.js';

interface RuleGroup {
  readonly name: string;
  readonly rules: readonly { readonly annotations?: Readonly<Record<string, string>> }[];
}

interface Endpoint {
  readonly port: string;
  readonly path: string;
  readonly relabelings: readonly { readonly targetLabel: string; readonly replacement: string }[];
}

interface Monitor {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly endpoints?: readonly Endpoint[];
  readonly podMetricsEndpoints?: readonly Endpoint[];
}

interface Service {
  readonly ports: readonly { readonly name: string; readonly targetPort: string }[];
  readonly selector: Readonly<Record<string, string>>;
}

const deployed = (name: string) => join(root, 'deploy', name);
const groupsOf = (text: string) => (parse(text) as { groups: RuleGroup[] }).groups;
const ofKind = (objects: readonly KubernetesObject[], kind: string) =>
  objects.filter((object) => object.kind === kind);
const renderMonitoring = (monitoring: object) => render({ file: 'minimal', values: { monitoring } });

async function renderGroups(values: object): Promise<RuleGroup[]> {
  const objects = await renderMonitoring({ prometheusRule: { enabled: true, ...values } });
  return ofKind(objects, 'PrometheusRule').flatMap(({ spec }) => (spec as { groups: RuleGroup[] }).groups);
}

test('the PrometheusRule has the rules and alerts of deploy/prometheus', async () => {
  const files = ['rules.yml', 'alerts.yml'].map((name) =>
    readFileSync(deployed(`prometheus/${name}`), 'utf8'),
  );
  expect(await renderGroups({})).toEqual(files.flatMap(groupsOf));
});

test('runbookUrlPrefix begins the URL of every runbook', async () => {
  const prefix = 'https://git.example.com/slipway/blob/main/';
  const urls = (await renderGroups({ runbookUrlPrefix: prefix })).flatMap(({ rules }) =>
    rules.flatMap(({ annotations }) => annotations?.runbook_url ?? []),
  );
  expect(urls.length).toBeGreaterThan(20);
  for (const url of urls) expect(url).toMatch(/^https:\/\/git\.example\.com\/slipway\/blob\/main\/docs\//);
});

test.runIf(canUsePrometheus)('Prometheus accepts the groups of the PrometheusRule', async () => {
  const file = join(scratchFolder(), 'rules.yml');
  writeFileSync(file, stringify({ groups: await renderGroups({ runbookUrlPrefix: 'https://x.example/' }) }));
  const { stdout } = await promisify(execFile)('promtool', ['check', 'rules', file]);
  expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
});

test('the monitors scrape the jobs that rules and alerts name, from ports that the pods have', async () => {
  const objects = await renderMonitoring({
    serviceMonitor: { enabled: true },
    podMonitor: { enabled: true },
  });
  const pods = podsOf(objects);
  const selects = (selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>) =>
    Object.entries(selector).every(([key, value]) => labels[key] === value);
  const portsOf = (selector: Readonly<Record<string, string>>) =>
    pods
      .filter(({ labels }) => selects(selector, labels))
      .map(({ spec }) => spec.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)));
  const jobs = ['ServiceMonitor', 'PodMonitor'].flatMap((kind) =>
    ofKind(objects, kind).flatMap(({ metadata, spec }) => {
      const { selector, endpoints, podMetricsEndpoints } = spec as Monitor;
      return (endpoints ?? podMetricsEndpoints ?? []).map(({ port, path, relabelings }) => {
        expect(path).toBe('/metrics');
        const selectors = endpoints
          ? ofKind(objects, 'Service')
              .filter((service) => selects(selector.matchLabels, service.metadata.labels ?? {}))
              .map((service) => service.spec as Service)
              .filter(({ ports }) => ports.some(({ name }) => name === port))
              .map((service) => service.selector)
          : [selector.matchLabels];
        expect(selectors, metadata.name).toHaveLength(1);
        const containers = selectors.flatMap(portsOf);
        expect(containers.length, metadata.name).toBeGreaterThan(0);
        for (const names of containers) expect(names, metadata.name).toContain(port);
        return relabelings.find(({ targetLabel }) => targetLabel === 'job')?.replacement;
      });
    }),
  );
  const expected = (await readConfig()).scrape_configs.map(({ job_name }) => job_name);
  expect(jobs.toSorted()).toEqual(expected.toSorted());
});

test('the dashboards are those of deploy/grafana, with the data source of the values', async () => {
  const objects = await renderMonitoring({ dashboards: { enabled: true, datasourceUid: 'metrics' } });
  const maps = ofKind(objects, 'ConfigMap').filter(
    ({ metadata }) => metadata.labels?.grafana_dashboard === '1',
  );
  const shown = maps.flatMap(({ data }) => Object.entries(data as Record<string, string>));
  const folder = deployed('grafana/dashboards');
  const files = readdirSync(folder);
  expect(shown.map(([name]) => name).toSorted()).toEqual(files.map((name) => `slipway-${name}`).toSorted());
  for (const [name, text] of shown) {
    const source = readFileSync(join(folder, name.replace(/^slipway-/, '')), 'utf8');
    expect(JSON.parse(text)).toEqual(JSON.parse(source.replaceAll('slipway-prometheus', 'metrics')));
  }
});

test('the chart has no copies of files that deploy no longer has', () => {
  const names = (folder: string) => readdirSync(folder).toSorted();
  expect(names(join(chartFolder, 'files', 'dashboards'))).toEqual(names(deployed('grafana/dashboards')));
  expect(names(join(chartFolder, 'files', 'prometheus'))).toEqual(['alerts.yml', 'rules.yml']);
});

test('nothing of this is installed unless it is enabled', async () => {
  const objects = await render({ file: 'minimal' });
  const kinds = ['ServiceMonitor', 'PodMonitor', 'PrometheusRule', 'Ingress', 'HTTPRoute', 'ScaledObject'];
  expect(objects.filter(({ kind }) => kinds.includes(kind))).toEqual([]);
  expect(objects.map(({ metadata }) => metadata.name)).not.toContain('slipway-api-metrics');
});
