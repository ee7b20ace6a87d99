import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type KubernetesApi,
  requireKubernetesTool,
  startKubernetesApi,
  startProcess,
  temporaryFolder,
} from '@slipway/local';
import { type Fleet, startFleet, startSimulator } from '@slipway/simulator';

/**
 * Runs in a network of its own (discovery.test.ts). A worker follows the pods of a Service at a real API server, whose EndpointSlices the real controller writes.
 * No kubelet runs: this script says what state the pods have. Prints what it saw as JSON.
 */

interface Builder {
  readonly id: string;
  readonly url: string;
  readonly name?: string;
  readonly node?: string;
  readonly readiness: string;
  readonly draining: boolean;
  readonly health: string;
}

const namespace = 'builds';
const addresses = ['10.9.0.1', '10.9.0.2'] as const;
const port = 8080;
const deadlineMs = 150_000;
/** Long enough that the worker writes the deletion cost of a pod that builds. */
const durations = { meanMs: 5_000, sigma: 0 };
const costPath = '{.metadata.annotations.controller\\.kubernetes\\.io/pod-deletion-cost}';

const stops: (() => Promise<void>)[] = [];
async function observe() {
  const api = await startKubernetesApi();
  stops.push(() => api.stop());
  const account = await prepareNamespace(api);
  await startEndpointSliceController(api);
  const fleet = await startFleet({
    replicas: [],
    workers: 1,
    env: {
      worker: {
        BUILDERS: 'k8s://builders?port=http#max=2',
        POD_DELETION_COST: 'true',
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: new URL(api.url).port,
        KUBERNETES_ACCOUNT_DIR: account.dir,
      },
    },
  });
  stops.push(() => fleet.stop());
  for (const host of addresses) {
    const { stop } = await startSimulator({ payloadSecret: fleet.payloadSecret, host, port, durations });
    stops.push(stop);
  }
  const kubectl = (...args: string[]) => api.kubectl(['--namespace', namespace, ...args]);
  const watcher = createWatcher(fleet);

  const withoutRole = await watcher.warned('kubernetes_forbidden');
  await apply(api, roleObjects);
  const withoutService = await watcher.warned('kubernetes_service_unknown');
  const waiting = await watcher.submit('waits');
  await apply(api, [service]);
  await watcher.warned(undefined);
  const atZero = await watcher.stateOf(waiting);

  await startPod(api, 'one', addresses[0]);
  await startPod(api, 'two', addresses[1]);
  await apply(api, [await sliceOfOtherFamily(kubectl)]);
  const first = await watcher.ended(waiting);
  const two = await watcher.builders(
    (list) => list.length === 2 && list.every(({ health }) => health === 'up'),
  );

  // A pod that is not ready stays a replica.
  await setReady(api, 'two', false);
  await watcher.steer(idOf(two, 'one'), 'drain');
  const costOfTwo = (cost: string) =>
    watcher.until(`the cost ${cost}`, async () => {
      const found = await kubectl('get', 'pod', 'two', '--output', `jsonpath=${costPath}`);
      return found === cost ? found : undefined;
    });
  const idle = await costOfTwo('0');
  const building = await watcher.submit('not-ready');
  const costs = [idle, await costOfTwo('1')];
  const whileNotReady = await watcher.ended(building);
  costs.push(await costOfTwo('0'));

  // Nothing confirms the end of the pod, as while its kubelet gives it its grace time.
  await kubectl('delete', 'pod', 'one', '--wait=false');
  const ending = await watcher.builders((list) => list.some(({ readiness }) => readiness === 'draining'));
  await kubectl('delete', 'pod', 'one', '--force', '--grace-period=0');
  await watcher.builders((list) => list.length === 1);
  await startPod(api, 'three', addresses[0]);
  const reused = await watcher.builders((list) => list.some(({ name }) => name === 'three'));

  // The token ends with the object that it is bound to, and the watch within a minute.
  await kubectl('delete', 'secret', 'bound');
  const withoutToken = await watcher.warned('kubernetes_unauthorized');
  const kept = await watcher.builders(() => true);
  await account.renew();
  await watcher.warned(undefined);
  return {
    ...{
      withoutRole,
      withoutService,
      atZero,
      first,
      two,
      whileNotReady,
      costs,
      ending,
      reused,
      withoutToken,
    },
    kept: kept.map(({ name }) => name).sort(),
  };
}

const idOf = (list: readonly Builder[], name: string) => list.find((each) => each.name === name)?.id ?? '';

function createWatcher({ calls, workers, source }: Fleet) {
  const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    const end = performance.now() + deadlineMs;
    for (;;) {
      const seen = await look();
      if (seen !== undefined) return seen;
      if (performance.now() > end) throw new Error(`not seen within ${deadlineMs} ms: ${what}`);
      await sleep(200);
    }
  };
  const builders = (wanted: (list: readonly Builder[]) => boolean) =>
    until(`builders ${wanted}`, async () => {
      const { builders: list } = (await calls.call('/v1/builders')).body as { builders: Builder[] };
      return wanted(list) ? list : undefined;
    });
  const job = async (id: string) =>
    (await calls.call(`/v1/jobs/${id}`)).body as { state: string; attempts: { replica?: string }[] };
  return {
    until,
    builders,
    /** Waits until the worker warns of this code, or of nothing. Returns the warning. */
    warned: (code: string | undefined) =>
      until(`the warning ${code}`, async () => {
        const answer = await fetch(`${workers[0]?.url}/readyz`);
        const { warnings = [] } = (await answer.json()) as { warnings?: string[] };
        if (code === undefined) return warnings.length === 0 ? '' : undefined;
        return warnings.find((warning) => warning.startsWith(code));
      }),
    async submit(name: string): Promise<string> {
      const json = { image: `registry.invalid/${name}:1`, source: { digest: source } };
      const { status, body } = await calls.call('/v1/jobs', { method: 'POST', json });
      if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
      return (body as { id: string }).id;
    },
    stateOf: async (id: string) => (await job(id)).state,
    ended: (id: string) =>
      until(`the end of ${id}`, async () => {
        const { state, attempts } = await job(id);
        return state === 'queued' || state === 'running'
          ? undefined
          : { state, attempts: attempts.map(({ replica }) => replica) };
      }),
    async steer(id: string, verb: string): Promise<void> {
      await calls.call(`/v1/builders/${id}/${verb}`, { method: 'POST' });
    },
  };
}

const metadata = (name: string, more: object = {}) => ({ name, namespace, ...more });

const roleObjects = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: metadata('worker'),
    rules: [
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['patch'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: metadata('worker'),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'worker' },
    subjects: [{ kind: 'ServiceAccount', name: 'worker', namespace }],
  },
];

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata('builders'),
  spec: {
    clusterIP: 'None',
    selector: { app: 'builders' },
    ports: [{ name: 'http', port: 80, targetPort: 'build' }],
  },
};

async function apply(api: KubernetesApi, items: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await api.kubectl(['apply', '--filename', '-'], { input });
}

/** Makes the service account of the worker, and the files of it that a kubelet mounts into a pod. */
async function prepareNamespace(api: KubernetesApi) {
  const accounts = ['default', 'worker'].map((name) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadata(name),
    automountServiceAccountToken: false,
  }));
  await apply(api, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } },
    ...accounts,
    { apiVersion: 'v1', kind: 'Secret', metadata: metadata('bound') },
  ]);
  const { path: dir, remove } = await temporaryFolder();
  stops.push(remove);
  const writeToken = async (...options: string[]) => {
    const token = await api.kubectl(['--namespace', namespace, 'create', 'token', 'worker', ...options]);
    // A reader must not see half of it.
    await writeFile(join(dir, 'token.new'), token);
    await rename(join(dir, 'token.new'), join(dir, 'token'));
  };
  await writeToken('--bound-object-kind=Secret', '--bound-object-name=bound');
  await writeFile(join(dir, 'namespace'), namespace);
  await copyFile(api.caFile, join(dir, 'ca.crt'));
  return { dir, renew: () => writeToken() };
}

async function startEndpointSliceController(api: KubernetesApi): Promise<void> {
  const controller = await startProcess({
    name: 'kube-controller-manager',
    command: requireKubernetesTool('kube-controller-manager'),
    args: [
      ...[`--kubeconfig=${api.kubeconfig}`, '--controllers=endpointslice-controller', '--leader-elect=false'],
      ...['--bind-address=127.0.0.1', '--secure-port=0'],
    ],
  });
  stops.push(() => controller.stop());
}

/** Creates a pod, and gives it an address as its kubelet would. */
async function startPod(api: KubernetesApi, name: string, address: string): Promise<void> {
  const containers = [{ name: 'builder', image: 'builder', ports: [{ name: 'build', containerPort: port }] }];
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: metadata(name, { labels: { app: 'builders' } }) };
  await apply(api, [{ ...pod, spec: { nodeName: 'node-1', containers } }]);
  await patchStatus(api, name, { phase: 'Running', podIP: address, podIPs: [{ ip: address }] });
  await setReady(api, name, true);
}

const setReady = (api: KubernetesApi, name: string, isReady: boolean) =>
  patchStatus(api, name, { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] });

async function patchStatus(api: KubernetesApi, name: string, status: object): Promise<void> {
  const patch = JSON.stringify({ status });
  const kind = ['--subresource=status', '--type=merge', '--patch', patch];
  await api.kubectl(['--namespace', namespace, 'patch', 'pod', name, ...kind]);
}

/** Returns a slice with the same pod at an address of IPv6, as clusters with two families have. */
async function sliceOfOtherFamily(kubectl: (...args: string[]) => Promise<string>): Promise<object> {
  const uid = await kubectl('get', 'pod', 'two', '--output', 'jsonpath={.metadata.uid}');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata('builders-six', { labels: { 'kubernetes.io/service-name': 'builders' } }),
    addressType: 'IPv6',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: [
      {
        ...{ addresses: ['fd00:9::2'], conditions: { ready: true }, nodeName: 'node-1' },
        targetRef: { kind: 'Pod', name: 'two', namespace, uid },
      },
    ],
  };
}

try {
  process.stdout.write(JSON.stringify(await observe()));
} finally {
  for (const stop of stops.reverse()) await stop();
}
