import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type KubernetesApi, startKubernetesApi } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../compose/model.js';
import { scratchFolder } from '../context.js';
import { chartFolder, type KubernetesObject, objectsOf, render, runHelm, valueFiles } from '../helm/chart.js';
import { podsOf } from '../helm/pods.js';

const definitions = join(root, '.cache', 'kubernetes', 'crds');
let api: KubernetesApi;

beforeAll(async () => {
  api = await startKubernetesApi();
  for (const file of readdirSync(definitions).filter((name) => name.endsWith('.yaml')))
    await api.kubectl(['apply', '--server-side', '--filename', join(definitions, file)]);
  await api.kubectl(['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
  for (const level of ['privileged', 'baseline', 'restricted']) {
    await api.kubectl(['create', 'namespace', level]);
    await api.kubectl(['label', 'namespace', level, `pod-security.kubernetes.io/enforce=${level}`]);
  }
});
afterAll(() => api?.stop());

const list = (items: readonly unknown[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const apply = (namespace: string, objects: readonly unknown[], ...options: readonly string[]) =>
  api.kubectl(['--namespace', namespace, 'apply', ...options, '--filename', '-'], { input: list(objects) });
const dryRun = (namespace: string, objects: readonly unknown[]) =>
  apply(namespace, objects, '--dry-run=server', '--validate=strict');
const isHook = ({ metadata }: KubernetesObject) => metadata.annotations?.['helm.sh/hook'] !== undefined;
/** The golden files leave dashboards out, for their size. */
const dashboards = { monitoring: { dashboards: { enabled: true } } };
const withServiceAccounts = async (namespace: string, objects: readonly KubernetesObject[]) => {
  const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount');
  const standard = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await apply(namespace, [...accounts, standard]);
};

describe.each(valueFiles)('with the values %s', (file) => {
  test('the API server accepts every object, without an unknown field', async () => {
    const objects = await render({ file });
    await withServiceAccounts('privileged', objects);
    const output = await dryRun('privileged', objects);
    expect(output.match(/ \(server dry run\)$/gm)).toHaveLength(objects.length);
    for (const { kind, metadata } of objects)
      expect(output.toLowerCase()).toMatch(new RegExp(`^${kind.toLowerCase()}\\S*/${metadata.name} `, 'm'));
  });

  test('an upgrade to another version of the chart changes no field that must stay', async () => {
    const objects = (await render({ file })).filter((object) => !isHook(object));
    const namespace = `upgrade-${file}`;
    await api.kubectl(['create', 'namespace', namespace]);
    await apply(namespace, objects);
    const folder = scratchFolder();
    await runHelm(['package', chartFolder, '--version', '9.9.9', '--app-version', '9.9.9', '-d', folder]);
    const values = ['--namespace', namespace, '--values', join(chartFolder, 'ci', `${file}-values.yaml`)];
    const next = objectsOf(
      await runHelm(['template', 'slipway', join(folder, 'slipway-9.9.9.tgz'), ...values]),
    ).filter((object) => !isHook(object));
    const output = await dryRun(namespace, next);
    expect(output.match(/ (configured|unchanged) \(server dry run\)$/gm)).toHaveLength(objects.length);
  });
});

test('the API server accepts the dashboards', async () => {
  const objects = await render({ file: 'minimal', values: dashboards });
  const maps = objects.filter(({ metadata }) => metadata.labels?.grafana_dashboard !== undefined);
  expect((await dryRun('privileged', maps)).match(/^configmap\/slipway-dashboard-/gm)).toHaveLength(6);
});

test('a field that does not exist is refused, in objects of other projects too', async () => {
  const objects = await render({ file: 'everything' });
  for (const name of [
    'ScaledObject',
    'ServiceMonitor',
    'PodMonitor',
    'PrometheusRule',
    'HTTPRoute',
    'Ingress',
  ]) {
    const found = objects.filter(({ kind }) => kind === name);
    expect(found.length, name).toBeGreaterThan(0);
    const wrong = found.map((object) => ({ ...object, spec: { ...(object.spec as object), unknown: 1 } }));
    await expect(dryRun('privileged', wrong), name).rejects.toThrow(/unknown field "(spec.)?unknown"/);
  }
});

test('pods of API and workers meet the Pod Security level restricted; builders need privileged', async () => {
  const objects = await render({ file: 'minimal' });
  const components = new Map(
    podsOf(objects).map(({ labels, spec }) => {
      const metadata = { name: 'pod', labels };
      return [labels['app.kubernetes.io/component'], { apiVersion: 'v1', kind: 'Pod', metadata, spec }];
    }),
  );
  expect([...components.keys()].toSorted()).toEqual(['api', 'builder', 'test', 'worker']);
  for (const level of ['privileged', 'baseline', 'restricted']) await withServiceAccounts(level, objects);
  for (const name of ['api', 'test', 'worker'])
    expect(await dryRun('restricted', [components.get(name)])).toContain('pod/pod created');
  const builder = [components.get('builder')];
  expect(await dryRun('privileged', builder)).toContain('pod/pod created');
  for (const level of ['restricted', 'baseline'])
    await expect(dryRun(level, builder)).rejects.toThrow(`violates PodSecurity "${level}:latest"`);
});
