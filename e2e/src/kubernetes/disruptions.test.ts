import { setTimeout as delay } from 'node:timers/promises';
import type { Builder, Job } from '@slipway/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { imagesIn } from '../chaos/engines/begun-builds.js';
import { type Builds, expectBuiltOnce, outcomesOf, prepareBuilds } from './builds.js';
import { measured, report } from './figures.js';
import { nodeName } from './node.js';
import { components, type Pod, podsOf } from './pods.js';
import { installRelease, type Release } from './release.js';
import { smallBuilder } from './small-values.js';
import { type Cluster, useCluster } from './use-cluster.js';

const namespace = 'disruptions-test';
/** Time enough for what a test does in the middle of a build, on a busy machine. */
const seconds = 15;
let cluster: Cluster;
let release: Release;
let builds: Builds;

beforeAll(async () => {
  cluster = useCluster();
  const pools = { default: { ...smallBuilder, slots: 2 } };
  release = await installRelease({ cluster, namespace, values: { pools } });
  builds = await prepareBuilds(release);
});
afterAll(async () => {
  await cluster?.kubectl(['uncordon', nodeName]);
  await release?.remove();
});
beforeEach(async () => {
  await expect.poll(() => cluster.unready(namespace)).toEqual([]);
  await expect.poll(async () => (await podsOf(release, 'builder')).length).toBe(2);
  // Workers have found them.
  await expect.poll(async () => (await readyBuilders()).length).toBe(2);
});

const readyBuilders = async () =>
  (await release.client.listBuilders()).filter(({ readiness }) => readiness === 'ready');
const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_each, at) => `${prefix}-${at}`);

/** Follows the builders until `until` settles. Resolves to all that had a fault, or no circuit that is closed. */
async function faultyBuilders(until: Promise<unknown>): Promise<Builder[]> {
  const faulty = new Map<string, Builder>();
  let over = false;
  const end = until.finally(() => {
    over = true;
  });
  while (!over) {
    for (const builder of await release.client.listBuilders())
      if (builder.faults > 0 || builder.circuit !== 'closed') faulty.set(builder.id, builder);
    await Promise.race([end, delay(250)]);
  }
  await end;
  return [...faulty.values()];
}

test('builders that are deleted in mid-build finish their builds', async () => {
  const deleted = await podsOf(release, 'builder');
  const running = await builds.running(names('deleted', 4), { seconds });
  expect(new Set(running.map(({ attempts }) => attempts[0]?.replica)).size).toBe(2);
  await release.kubectl('delete', 'pods', ...deleted.map(({ name }) => name), '--wait=false');
  const submits = names('after-deletion', 4).map((name) => builds.submit(name, { seconds: 1 }));
  const ended = builds.ended([...running, ...(await Promise.all(submits))]);
  const faulty = faultyBuilders(measured('8 jobs built while both builders were replaced', ended));
  expect(await faulty).toEqual([]);
  await expectBuiltOnce(builds, await ended);
  // Those that were running ended where they were, and the others on pods that came later.
  const urls = deleted.map(({ address }) => `http://${address}:8081`);
  const replicas = (await ended).map(({ attempts }) => attempts[0]?.replica);
  expect(urls).toEqual(expect.arrayContaining(replicas.slice(0, 4)));
  for (const replica of replicas.slice(4)) expect(urls).not.toContain(replica);
});

/** Returns how often the builders built each job. BuildKit may answer a second build from its cache, where the registry sees no step. */
async function timesBuilt(jobs: readonly Job[]): Promise<number[]> {
  const selector = 'app.kubernetes.io/component=builder';
  const log = await release.kubectl('logs', '--selector', selector, '--container', 'builder', '--tail=-1');
  const built = [...imagesIn(log)];
  return jobs.map(({ image }) => built.filter((each) => each === image).length);
}
const namesOf = (pods: readonly Pod[]) => pods.map(({ name }) => name);

/**
 * Builds a batch of two rounds of builds, and calls `disturb` in the middle of the first round. Each build begins once and takes one attempt.
 * Returns the jobs of the first round.
 */
async function buildBatch(how: string, disturb: () => Promise<unknown>): Promise<Job[]> {
  const all = names(`workers-${how.replaceAll(' ', '-')}`, 8);
  const { id } = await builds.submitBatch(all, { seconds: 30 });
  const begun = async () => (await builds.seen(all)).filter((build) => build.begun > 0);
  await expect.poll(begun).toHaveLength(4);
  const { jobs: running } = await release.client.listBatchJobs({ id, query: { state: 'running' } });
  await disturb();
  const { created_at: since, finished_at: until = '' } = await release.client.waitForBatch({ id });
  report(`a batch whose workers were ${how} took ${(Date.parse(until) - Date.parse(since)) / 1_000} s`);
  const { jobs } = await release.client.listBatchJobs({ id });
  expect(jobs).toHaveLength(all.length);
  await expectBuiltOnce(builds, jobs);
  // The last lines reach the log a moment later.
  await expect.poll(() => timesBuilt(jobs)).toEqual(jobs.map(() => 1));
  return jobs.filter((job) => running.some((one) => one.id === job.id));
}

test('a batch that nothing disturbs', async () => {
  const jobs = await buildBatch('left alone', async () => undefined);
  expect(jobs.map(({ attempts }) => attempts[0]?.takeovers)).toEqual(jobs.map(() => undefined));
});

test.each<[string, (pods: readonly Pod[]) => Promise<unknown>]>([
  [
    'deleted',
    (pods) => measured('deleted workers were gone', release.kubectl('delete', 'pods', ...namesOf(pods))),
  ],
  [
    'removed by force',
    (pods) =>
      release.kubectl('delete', 'pods', ...namesOf(pods), '--force', '--grace-period=0', '--wait=false'),
  ],
  [
    'killed',
    (pods) => Promise.all(pods.map(({ containers }) => cluster.runtime.kill(containers.worker ?? ''))),
  ],
])('the builds of a batch go on when all workers are %s in mid-build', async (how, stop) => {
  const jobs = await buildBatch(how, async () => await stop(await podsOf(release, 'worker')));
  expect(jobs.length).toBeGreaterThan(0);
  for (const { attempts } of jobs) expect(attempts[0]?.takeovers).toBeGreaterThan(0);
});

/** Evicts a pod, as `kubectl drain` does. Rejects while its disruption budget does not allow it. */
const evict = (name: string) =>
  cluster.kubectl(
    ['create', '--raw', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, '--filename', '-'],
    {
      input: JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }),
    },
  );
const tooMany = "Cannot evict pod as it would violate the pod's disruption budget";
const pendingPods = async () => {
  const pods = await Promise.all(components.map((component) => podsOf(release, component)));
  return pods.flat().filter(({ phase }) => phase === 'Pending').length;
};

test('a node that is drained in mid-build keeps within the budgets, and jobs wait until it is back', async () => {
  const running = await builds.running(names('drained', 4), { seconds });
  await cluster.kubectl(['cordon', nodeName]);
  const pods = await Promise.all(components.map((component) => podsOf(release, component)));
  for (const [one, another] of pods) {
    await evict(one?.name ?? '');
    await expect(evict(another?.name ?? '')).rejects.toThrow(tooMany);
  }
  // One of each part has no node, and one builder is left.
  await measured('evicted pods replaced by pending ones', expect.poll(pendingPods).toBe(3));
  // A node that goes down asks no budget.
  const last = pods[components.indexOf('builder')]?.[1]?.name ?? '';
  await release.kubectl('delete', 'pod', last, '--wait=false');
  await expect.poll(pendingPods).toBe(4);
  const submits = names('waiting', 3).map((name) => builds.submit(name, { seconds: 1 }));
  const waiting = await Promise.all(submits);
  await expectBuiltOnce(builds, await builds.ended(running));
  for (const { id } of waiting)
    expect(await release.client.getJob({ id })).toMatchObject({ state: 'queued', attempts: [] });
  expect(await pendingPods()).toBe(4);

  await cluster.kubectl(['uncordon', nodeName]);
  const ended = builds.ended(waiting);
  const faulty = faultyBuilders(measured('waiting jobs built after the node was back', ended));
  expect(await faulty).toEqual([]);
  await expectBuiltOnce(builds, await ended);
  // What the budgets refused goes through now.
  await expect.poll(() => cluster.unready(namespace)).toEqual([]);
  for (const component of ['api', 'worker'] as const) {
    const refused = pods[components.indexOf(component)]?.[1]?.name ?? '';
    await expect.poll(() => evict(refused)).toContain('Success');
  }
});

test.each<[string, string, (pod: Pod) => Promise<unknown>]>([
  [
    'whose pod is removed by force',
    'builder_draining',
    ({ name }) => release.kubectl('delete', 'pod', name, '--force', '--grace-period=0', '--wait=false'),
  ],
  ['that is killed', 'builder_lost', ({ containers }) => cluster.runtime.kill(containers.builder ?? '')],
  [
    'whose BuildKit is killed',
    'builder_lost',
    ({ containers }) => cluster.runtime.kill(containers.buildkitd ?? ''),
  ],
])('the build of a builder %s is built again elsewhere', async (how, outcome, kill) => {
  const name = how.replaceAll(' ', '-').toLowerCase();
  const running = await builds.running([name], { seconds });
  const replica = running[0]?.attempts[0]?.replica ?? '';
  const pod = (await podsOf(release, 'builder')).find(({ address }) => replica.includes(`//${address}:`));
  if (pod === undefined) throw new Error(`no pod has the address of ${replica}`);
  await kill(pod);
  const [job] = await measured(`the build of a builder ${how} ended`, builds.ended(running));
  if (job === undefined) throw new Error('no job ended');
  expect(outcomesOf(job)).toEqual(['succeeded', outcome, 'succeeded']);
  expect(job.attempts[0]?.detail).toBeTruthy();
  expect(job.attempts[1]?.replica).not.toBe(replica);
  expect(await builds.seen([name])).toEqual([{ name, begun: 2, pushed: 1 }]);
});
