import { afterAll, beforeAll, expect, test } from 'vitest';
import { measured } from './figures.js';
import { type Cluster, useCluster } from './use-cluster.js';

let cluster: Cluster;
const namespace = 'cluster-test';

afterAll(() => cluster?.kubectl(['delete', 'namespace', namespace, '--wait=false']));
beforeAll(async () => {
  cluster = useCluster();
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
});

/** A pod with a command, and Node.js among its programs. */
const pod = (name: string, command: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'slipway/simulator:local', command }],
  },
});

const server = "require('node:http').createServer((_, response) => response.end('hello')).listen(8080)";
const fetchFrom = (url: string) =>
  `fetch('${url}').then((response) => response.text()).then((text) => process.stdout.write(text))`;

test('pods reach each other by the name and the address of a Service', async () => {
  await cluster.apply([
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
    pod('web', ['node', '-e', server]),
    pod('client', ['sleep', '3600']),
  ]);
  const ready = expect.poll(() => cluster.unready(namespace)).toEqual([]);
  await measured('two pods ready', ready);
  const inNamespace = ['--namespace', namespace];
  const get = (url: string) =>
    cluster.kubectl([...inNamespace, 'exec', 'client', '--', 'node', '-e', fetchFrom(url)]);
  await expect.poll(() => get('http://web')).toBe('hello');
  const address = ['get', 'service', 'web', '--output', 'jsonpath={.spec.clusterIP}'];
  expect(await get(`http://${await cluster.kubectl([...inNamespace, ...address])}`)).toBe('hello');
});
