import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from '@slipway/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Receiver, startReceiver } from '../chaos/ledger/receiver.js';
import { answersDuring } from './answers.js';
import { type Builds, expectBuiltOnce, prepareBuilds } from './builds.js';
import { measured, report } from './figures.js';
import { addresses } from './machine.js';
import { components, podsOf } from './pods.js';
import { installRelease, nextTag, type Release } from './release.js';
import { smallBuilder } from './small-values.js';
import { type Cluster, useCluster } from './use-cluster.js';
import { addVolumes } from './volumes.js';

const namespace = 'upgrade-test';
const pool = { ...smallBuilder, slots: 2 };
const kept = { ...smallBuilder, slots: 1, replicas: 1, cache: { type: 'persistentVolumeClaim' } };
const values = {
  dev: { enabled: true, persistence: { enabled: true } },
  pools: { default: pool, kept },
  // The receiver of callbacks is on the node.
  egressAllow: [addresses.node],
};
let cluster: Cluster;
let release: Release;
let builds: Builds;
let receiver: Receiver;

beforeAll(async () => {
  cluster = useCluster();
  receiver = await startReceiver({ host: addresses.node });
  // For the three stores, and for the builder of two releases: no claim gets the volume of one that was deleted.
  await addVolumes(cluster, namespace, 5);
  release = await installRelease({ cluster, namespace, values });
  builds = await prepareBuilds(release);
});
afterAll(async () => {
  receiver?.stop();
  await release?.remove();
});

/** A later version of everything that is no store, and another value for each part. */
const changed = { heapMegabytes: 200, buildkit: { ...smallBuilder.buildkit, maxUsedSpace: '20GB' } };
const laterValues = {
  ...values,
  image: { tag: nextTag },
  api: { heapMegabytes: 136 },
  worker: { heapMegabytes: 200 },
  pools: { default: { ...pool, ...changed }, kept: { ...kept, ...changed } },
};

const podIds = async () => {
  const pods = await Promise.all(components.map((component) => podsOf(release, component)));
  return pods.flat().map(({ uid }) => uid);
};
const imagesOf = async () => {
  const path = 'jsonpath={.items[*].spec.template.spec.containers[0].image}';
  const shown = await release.kubectl('get', 'deployments,statefulsets', '--output', path);
  return shown.split(' ').filter((image) => image.startsWith('slipway/'));
};

/** Submits a job a second, of 5 to 8 seconds each. `onBusy` is called when the builders have all their slots in use. */
async function steadyLoad(prefix: string, onBusy: () => void): Promise<Job[]> {
  const waits: Promise<Job>[] = [];
  for (let at = 0; at < 40; at++) {
    const { id } = await builds.submit(`${prefix}-${at}`, {
      seconds: 5 + (at % 4),
      pool: at % 5 === 0 ? 'kept' : 'default',
      callback: receiver.callback,
    });
    waits.push(release.client.waitForEnd({ id }));
    if (at === 6) onBusy();
    await delay(1_000);
  }
  return Promise.all(waits);
}

test.each<[string, string, () => Promise<unknown>]>([
  ['helm upgrade', 'next', () => release.upgrade(laterValues)],
  ['helm rollback', 'local', () => release.helm('rollback', 'slipway')],
])('`%s` under load replaces every pod, and builds each job once', async (what, tag, change) => {
  const prefix = what.replace(' ', '-');
  const before = await podIds();
  let load = Promise.resolve<Job[]>([]);
  const busy = new Promise<void>((resolve) => {
    load = steadyLoad(prefix, resolve);
  });
  const replaced = busy.then(async () => {
    await measured(`${what} returned`, change());
    const remaining = async () => (await podIds()).filter((name) => before.includes(name));
    await measured(`${what}: every pod replaced`, expect.poll(remaining).toEqual([]));
    await expect.poll(() => cluster.unready(namespace)).toEqual([]);
  });
  const reported = load.then((jobs) =>
    expect.poll(() => jobs.filter(({ id }) => !receiver.received.has(id))).toEqual([]),
  );
  const work = Promise.all([measured(`${what}: 40 jobs built`, load), replaced, reported]);
  const answers = await answersDuring(release, work);
  report(`${what}: answers ${JSON.stringify(answers)}`);
  await expectBuiltOnce(builds, await load);
  const kinds = Object.values(answers).flatMap((each) => Object.keys(each));
  expect(kinds.filter((answer) => !['200', '202', 'later'].includes(answer))).toEqual([]);
  // Each job is reported once, however often its message was sent.
  const messages = (await load).map(({ id }) => receiver.received.get(id));
  expect(messages.map((each) => [each?.ids.size, ...(each?.states ?? [])])).toEqual(
    messages.map(() => [1, 'succeeded']),
  );
  expect(receiver.badSignatures()).toBe(0);
  const parts = ['api', 'builder', 'worker', 'builder'];
  expect(await imagesOf()).toEqual(parts.map((part) => `slipway/${part}:${tag}`));
});

test('a pool with claims has its layers after its pod was replaced', async () => {
  const job = await builds.submit('kept-layers', { seconds: 0, pool: 'kept' });
  const [ended] = await builds.ended([job]);
  // The two files of the base are copied before the arguments of the build.
  expect(ended?.attempts).toMatchObject([{ outcome: 'succeeded', steps: { cached: 2 } }]);
});

test('`helm uninstall` leaves what the documentation says, and a new release goes on with it', async () => {
  await release.helm('test', 'slipway');
  const job = await builds.submit('before-uninstall', { seconds: 0 });
  const [before] = await builds.ended([job]);
  await measured('helm uninstall returned', release.helm('uninstall', 'slipway'));
  const kinds = await cluster.kubectl(['api-resources', '--namespaced', '--verbs=list', '--output', 'name']);
  const listed = kinds.split('\n').filter((kind) => kind !== '' && !kind.startsWith('events'));
  const left = async () => {
    const shown = await release.kubectl('get', listed.join(','), '--output', 'name');
    return shown.trim().split('\n').toSorted();
  };
  const ofNamespace = ['configmap/kube-root-ca.crt', 'serviceaccount/default'];
  const ofHelmTest = ['configmap/slipway-test', 'pod/slipway-test'];
  const claims = ['redis', 'registry', 's3'].map((part) => `persistentvolumeclaim/slipway-${part}`);
  const expected = [...ofNamespace, ...ofHelmTest, ...claims, 'secret/slipway-dev'].toSorted();
  await measured('helm uninstall: all else gone', expect.poll(left).toEqual(expected));

  release = await installRelease({ cluster, namespace, values });
  expect(await release.client.getJob({ id: job.id })).toEqual(before);
  const lines: string[] = [];
  for await (const { text } of release.client.followLog({ id: job.id })) lines.push(text);
  expect(lines.length).toBeGreaterThan(0);
  const { registry } = await prepareBuilds(release);
  const tags = await fetch(`http://${registry}/v2/builds/before-uninstall/tags/list`);
  expect(await tags.json()).toEqual({ name: 'builds/before-uninstall', tags: ['1'] });
});
