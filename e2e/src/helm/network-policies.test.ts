import { describe, expect, test } from 'vitest';
import { render } from './chart.js';
import { isAllowed, type NetworkPolicy, type Party } from './network-policies.js';
import { podsOf } from './pods.js';

const ports = [53, 80, 443, 4318, 5000, 6379, 6443, 7070, 8080, 8081, 9000, 9080, 9464, 10250];

/** Pods of other namespaces, and addresses outside of the cluster. */
const others: Readonly<Record<string, Party>> = {
  dns: { address: '10.244.0.2', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  'api server': { address: '10.0.0.10' },
  node: { address: '10.0.0.20' },
  'private address': { address: '172.16.4.4' },
  'private IPv6': { address: 'fd12::7' },
  internet: { address: '93.184.215.14' },
  'internet IPv6': { address: '2606:4700::1111' },
  metadata: { address: '169.254.169.254' },
  'metadata IPv6': { address: 'fd00:ec2::254' },
  'metadata of Azure': { address: '168.63.129.16' },
  'pod identity': { address: '169.254.170.23' },
  prometheus: { address: '10.244.3.3', namespace: 'monitoring', labels: { app: 'prometheus' } },
  keda: { address: '10.244.3.4', namespace: 'keda', labels: { app: 'keda-operator' } },
  proxy: { address: '10.244.3.5', namespace: 'ingress-nginx', labels: { app: 'ingress-nginx' } },
  'pro-builder': { address: '10.244.3.6', namespace: 'openfaas', labels: { app: 'pro-builder' } },
  stranger: { address: '10.244.3.7', namespace: 'other', labels: { app: 'other' } },
};

/** Returns the connections that a release allows: from → `to:port`, or `to:*` for all ports. Empty lists are left out. */
async function connections(
  options: { readonly file: string; readonly values?: unknown },
  blocksMatchPods: boolean,
): Promise<Record<string, string[]>> {
  const namespace = 'slipway';
  const objects = await render(options);
  const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as NetworkPolicy[];
  const own = Object.fromEntries(
    podsOf(objects).map(({ of, labels }, index): [string, Party] => [
      of.replace(/^.* slipway-/, ''),
      { address: `10.244.1.${index + 1}`, namespace, labels },
    ]),
  );
  const parties = { ...own, ...others };
  const allowed = Object.entries(parties).map(([from, source]) => {
    const reached = Object.entries(parties)
      .filter(([to]) => to !== from && (from in own || to in own))
      .flatMap(([to, target]) => {
        const open = ports.filter((port) =>
          isAllowed(
            { policies, namespace, blocksMatchPods },
            { from: source, to: target, port, protocol: port === 53 ? 'UDP' : 'TCP' },
          ),
        );
        return open.length === ports.length ? [`${to}:*`] : open.map((port) => `${to}:${port}`);
      });
    return [from, reached] as const;
  });
  return Object.fromEntries(allowed.filter(([, reached]) => reached.length > 0));
}

const byPort = (...list: readonly number[]) => list.map((port) => `:${port}`);
const everything = Object.keys(others);
/** Returns what a rule without peers opens: the ports of every party. */
const toAll = (names: readonly string[], list: readonly number[]) =>
  names.flatMap((name) => (name.startsWith('internet') ? [] : byPort(...list).map((port) => name + port)));
const internet = ['internet:*', 'internet IPv6:*'];
const sorted = (table: Readonly<Record<string, readonly string[]>>) =>
  Object.fromEntries(Object.entries(table).map(([from, reached]) => [from, reached.toSorted()]));

describe('the network policies', () => {
  describe.each([true, false])('where an ipBlock counts for pods: %s', (blocksMatchPods) => {
    test('of a trial installation allow these connections and no others', async () => {
      const table = await connections({ file: 'dev' }, blocksMatchPods);
      // Nodes pull from its registry.
      const pulls = ['registry:5000'];
      expect(sorted(table)).toEqual(
        sorted({
          ...Object.fromEntries(everything.map((name) => [name, pulls])),
          api: ['dns:53', 'redis:6379', 's3:7070', ...internet],
          worker: [
            ...['dns:53', 'redis:6379', 's3:7070', 'registry:5000', 'builder-default:8081', ...internet],
            // The API of Kubernetes has no address that the chart knows.
            ...toAll(everything, [443, 6443]),
          ],
          'builder-default': ['dns:53', 'registry:5000', ...internet],
          test: ['dns:53', 'api:8080'],
          ...{ redis: ['dns:53'], registry: ['dns:53'], s3: ['dns:53'] },
          ...Object.fromEntries(
            ['dns', 'keda', 'proxy', 'pro-builder', 'stranger'].map((name) => [name, ['api:8080', ...pulls]]),
          ),
          prometheus: ['api:8080', 'api:9464', 'worker:9464', 'builder-default:9464', ...pulls],
        }),
      );
    });

    test('of an installation whose services have addresses name those alone', async () => {
      const to = (address: string) => [{ ipBlock: { cidr: `${address}/32` } }];
      const proBuilders = {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'openfaas' } },
        podSelector: { matchLabels: { app: 'pro-builder' } },
      };
      const table = await connections(
        {
          file: 'minimal',
          values: {
            redis: { url: 'redis://slipway@redis.example:6380' },
            blobs: { store: 's3://builds?region=eu-central-1&endpoint=http://minio.example:9000' },
            tracing: { endpoint: 'http://collector.example:4318' },
            egressAllow: ['172.16.0.0/12', 'fd12::7', 'ci.internal'],
            networkPolicy: {
              redis: { to: to('10.0.0.20'), ports: [6379] },
              blobs: { to: to('10.0.0.20') },
              tracing: { to: to('10.0.0.20') },
              kubernetesApi: { to: to('10.0.0.10'), ports: [6443] },
              api: {
                from: [
                  { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } },
                ],
              },
              prometheus: { from: [] },
            },
            pools: {
              default: { autoscaling: { enabled: true } },
              cloud: { networkPolicy: { allowMetadata: true } },
              pro: {
                kind: 'external',
                external: { url: 'dns+http://pro-builder.openfaas:8080' },
                networkPolicy: { to: [proBuilders] },
              },
            },
          },
        },
        blocksMatchPods,
      );
      expect(sorted(table)).toEqual(
        sorted({
          api: ['dns:53', 'node:6379', 'node:9000', 'node:4318', ...internet],
          worker: [
            ...['dns:53', 'node:6379', 'node:9000', 'node:4318', 'api server:6443', 'pro-builder:8080'],
            ...[
              'builder-default:8081',
              'builder-cloud:8081',
              'private address:*',
              'private IPv6:*',
              ...internet,
            ],
          ],
          'builder-default': ['dns:53', 'node:4318', ...internet],
          'builder-cloud': [
            ...['dns:53', 'node:4318', 'metadata:*', 'metadata IPv6:*', 'pod identity:*', ...internet],
          ],
          test: ['dns:53', 'api:8080'],
          proxy: ['api:8080'],
          keda: ['api:9464'],
        }),
      );
    });
  });

  test('without peers name the ports of the URLs', async () => {
    const portsOf = async (values: object) => {
      const objects = await render({ file: 'minimal', values });
      const policy = objects.find(
        ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'slipway-api',
      );
      const { egress = [] } = (policy as unknown as NetworkPolicy).spec;
      return egress
        .filter(({ to }) => to === undefined)
        .map(({ ports = [] }) => ports.map(({ port }) => port));
    };
    expect(await portsOf({})).toEqual([[6379], [443]]);
    expect(
      await portsOf({
        redis: { url: 'redis+sentinel://slipway@s1:26379,s2:26380/main' },
        blobs: {
          store: 's3://builds?endpoint=http%3A%2F%2Fminio%3A9000&region=x',
          logsStore: 's3://logs?region=x',
        },
      }),
    ).toEqual([[26379, 26380, 6379], [9000]]);
    expect(
      await portsOf({ redis: { existingSecret: 'redis', urlKey: 'url' }, tracing: { endpoint: 'http://c' } }),
    ).toEqual([[6379, 26379], [443], [4317, 4318]]);
  });

  test('are left out where they are switched off', async () => {
    const objects = await render({ file: 'minimal', values: { networkPolicy: { enabled: false } } });
    expect(objects.filter(({ kind }) => kind === 'NetworkPolicy')).toEqual([]);
  });
});
