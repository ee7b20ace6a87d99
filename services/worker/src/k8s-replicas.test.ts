import { ReplicaRegistry, replicaId } from '@slipway/control-plane/replicas';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { endpoint, endpointSlice } from './kubernetes/testing/slices.js';
import { list, startWatchServer, watch } from './kubernetes/testing/watch-server.js';
import { type Behaviour, held, type Replica, startReplica } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

let installation: Installation;
let kubernetes: Awaited<ReturnType<typeof startWatchServer>>;
let replicas: Replica[];
beforeEach(async () => {
  kubernetes = await startWatchServer();
  installation = await createInstallation(inject('redisUrl'));
  replicas = [];
});
afterEach(async () => {
  await installation.dispose();
  await Promise.all([kubernetes.stop(), ...replicas.map((replica) => replica.stop())]);
});

async function replica(options: Parameters<typeof startReplica>[1] = {}): Promise<Replica> {
  const made = await startReplica(payloadSecret, options);
  replicas.push(made);
  return made;
}

let version = 1;
/** A slice for one pod, which has the address of a replica. */
function sliceOf({ url }: Replica, uid: string, conditions: object = {}) {
  version++;
  return endpointSlice(`slice-${url.slice(-5)}`, [endpoint('127.0.0.1', uid, { conditions })], {
    metadata: { name: `slice-${url.slice(-5)}`, resourceVersion: String(version) },
    ports: [{ name: 'http', port: Number(new URL(url).port), protocol: 'TCP' }],
  });
}

/** Sends an event on the watch, once it is open. */
async function tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: object): Promise<void> {
  await expect.poll(() => kubernetes.received.length > 1 && kubernetes.open.size).toBe(1);
  for (const response of kubernetes.open) response.write(`${JSON.stringify({ type, object })}\n`);
}

const startWorker = () =>
  installation.startWorker(['k8s://builders?port=http#max=1'], { kubernetes: kubernetes.config });
const registry = () => new ReplicaRegistry({ redis: installation.redis, keys: installation.keys });
const shown = async () =>
  (await registry().list()).map(({ name, readiness }) => `${name} ${readiness}`).sort();

it('a pod that Kubernetes ends finishes its build, and the next one goes to another pod', async () => {
  const [one, two] = [await replica(), await replica()];
  kubernetes.answer(list('1', [sliceOf(one, 'one')]), watch([]));
  await startWorker();
  const first = held();
  one.next(first.behaviour);
  const running = await installation.submit();
  await first.begun;
  await tell('ADDED', sliceOf(two, 'two'));
  await tell('MODIFIED', sliceOf(one, 'one', { ready: false, serving: true, terminating: true }));
  await expect.poll(shown).toEqual(['one draining', 'two ready']);
  const next = await installation.ended(await installation.submit());
  expect(next).toMatchObject({ state: 'succeeded', attempts: [{ replica: two.url }] });
  first.release();
  expect(await installation.ended(running)).toMatchObject({
    ...{ state: 'succeeded', attempts: [{ replica: one.url, outcome: 'succeeded' }] },
  });
  await tell('DELETED', sliceOf(one, 'one'));
  await expect.poll(shown).toEqual(['two ready']);
});

it('a pod with the address of a drained one builds at once', async () => {
  const one = await replica();
  kubernetes.answer(list('1', [sliceOf(one, 'one')]), watch([]));
  await startWorker();
  await expect.poll(shown).toEqual(['one ready']);
  await registry().setDraining(replicaId(`${one.url}#uid-one`), true);
  const waiting = await installation.submit();
  await tell('MODIFIED', sliceOf(one, 'two'));
  expect(await installation.ended(waiting)).toMatchObject({ state: 'succeeded', attempts: [{}] });
  await expect.poll(shown).toEqual(['two ready']);
});

it('jobs wait while a Service has no pod, and a pod that is not ready builds once it answers', async () => {
  let listens = false;
  const one = await replica({ healthy: () => listens, readiness: () => ({ status: 503 }) });
  kubernetes.answer(list('1', [endpointSlice('empty', [], { endpoints: null, ports: null })]), watch([]));
  await startWorker();
  const waiting = await installation.submit();
  await tell('ADDED', sliceOf(one, 'one', { ready: false, serving: false, terminating: false }));
  await expect.poll(async () => (await registry().list()).map(({ health }) => health)).toEqual(['down']);
  expect(await installation.job(waiting)).toMatchObject({ state: 'queued', attempts: [] });
  // A builder of others that is full: it answers, and is not ready.
  listens = true;
  expect(await installation.ended(waiting)).toMatchObject({ state: 'succeeded', attempts: [{}] });
});

it('builds go on while the API server is away', async () => {
  const one = await replica();
  kubernetes.answer(list('1', [sliceOf(one, 'one')]), watch([]));
  const { url } = await startWorker();
  await expect.poll(shown).toEqual(['one ready']);
  const warnings = async () =>
    ((await (await fetch(`${url}/readyz`)).json()) as { warnings?: string[] }).warnings;
  await kubernetes.close();
  await expect.poll(warnings).toEqual([expect.stringMatching(/^kubernetes_unavailable: k8s:\/\/builders/)]);
  expect(await installation.ended(await installation.submit())).toMatchObject({ state: 'succeeded' });
  await kubernetes.listen();
  await expect.poll(warnings).toBeUndefined();
});

it('metrics forget a pod that is gone', async () => {
  const [one, two] = [await replica(), await replica()];
  kubernetes.answer(list('1', [sliceOf(one, 'one')]), watch([]));
  const { url } = await startWorker();
  const series = async () =>
    (await (await fetch(`${url}/metrics`)).text())
      .split('\n')
      .filter((line) => /^slipway_(circuit_changes_total|replica_builds_in_flight)\{/.test(line));
  const breakOff: Behaviour = ({ req }) => void req.socket.destroy();
  one.next(breakOff, breakOff, breakOff);
  await installation.ended(await installation.submit());
  await expect
    .poll(series)
    .toEqual([
      `slipway_circuit_changes_total{replica="${one.url}",change="opened"} 1`,
      `slipway_replica_builds_in_flight{replica="${one.url}"} 0`,
    ]);
  await tell('ADDED', sliceOf(two, 'two'));
  await tell('DELETED', sliceOf(one, 'one'));
  await expect.poll(series).toEqual([`slipway_replica_builds_in_flight{replica="${two.url}"} 0`]);
});
