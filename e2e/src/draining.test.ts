import type { Builder, Job } from '@slipway/client';
import type { Member } from '@slipway/local';
import { readStats, submitAll } from '@slipway/simulator';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTestFleet, type TestFleet } from './fleet.js';

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({
    replicas: [{ slots: 2 }, { slots: 2 }],
    // Time enough for two signals in a build, on a busy machine too.
    durations: { meanMs: 8_000, sigma: 0 },
    env: { worker: { LOCK_DURATION_MS: '3000', STALLED_INTERVAL_MS: '500' } },
  });
});
afterAll(() => fleet?.stop());
beforeEach(async () => {
  for (const member of [...fleet.replicas, ...fleet.workers]) await member.start();
});

let images = 0;
/** Submits a job, and waits until a replica builds it. */
async function building(): Promise<Job> {
  const [job] = await submitAll({ fleet, specs: [{ image: `registry.test/draining-${++images}:1` }] });
  const id = job?.id ?? '';
  await expect.poll(async () => (await jobOf(id)).attempts[0]?.replica).toBeDefined();
  const building = await jobOf(id);
  // A connection may be in the making until then.
  await expect.poll(async () => (await readStats(builderOf(building).url)).concurrency).toBe(1);
  return building;
}

const jobOf = async (id: string) => (await fleet.calls.call(`/v1/jobs/${id}`)).body as Job;
const ended = async ({ id }: Job) => (await fleet.calls.call(`/v1/jobs/${id}?wait=60`)).body as Job;
const builderAt = async (url: string) => {
  const { builders } = (await fleet.calls.call('/v1/builders')).body as { builders: Builder[] };
  return builders.find((builder) => builder.url === url);
};
const builderOf = ({ attempts }: Job) =>
  fleet.replicas.find(({ url }) => url === attempts[0]?.replica) as Member;
/** The names of workers have the id of their process. */
const workerOf = ({ attempts }: Job) =>
  fleet.workers.find(({ pid }) => attempts[0]?.worker.includes(`-${pid}-`)) as Member;
const outcomes = ({ attempts }: Job) => attempts.map(({ outcome }) => outcome);

test('a builder that is evicted in a build costs no attempt and has no fault', async () => {
  const job = await building();
  const builder = builderOf(job);
  builder.kill('SIGTERM');
  await expect.poll(async () => (await builderAt(builder.url))?.readiness).toBe('draining');
  builder.kill('SIGKILL');
  const done = await ended(job);
  expect(outcomes(done)).toEqual(['builder_draining', 'succeeded']);
  expect(done.attempts[1]?.replica).not.toBe(builder.url);
  expect(await builderAt(builder.url)).toMatchObject({ circuit: 'closed', faults: 0 });
});

test('a build goes on when its worker is evicted, and costs no attempt', async () => {
  const job = await building();
  const worker = workerOf(job);
  worker.kill('SIGTERM');
  // A worker whose builds go on may have ended before it is asked.
  const readiness = async () => (await fetch(`${worker.url}/readyz`).catch(() => undefined))?.status ?? 503;
  await expect.poll(readiness).toBe(503);
  worker.kill('SIGKILL');
  expect((await ended(job)).attempts).toMatchObject([{ outcome: 'succeeded', takeovers: 1 }]);
});

test('a build goes on while all workers and builders are stopped, and a worker that comes back has its result', async () => {
  const job = await building();
  for (const member of [...fleet.workers, ...fleet.replicas]) member.kill('SIGTERM');
  for (const worker of fleet.workers) expect(await worker.ended()).toMatchObject({ code: 0 });
  for (const worker of fleet.workers) await worker.start();
  expect((await ended(job)).attempts).toMatchObject([{ outcome: 'succeeded', takeovers: 1 }]);
  for (const replica of fleet.replicas) expect(await replica.ended()).toMatchObject({ code: 0 });
});

test('workers without builds end soon, also without Redis', async () => {
  fleet.redis.kill('SIGKILL');
  await fleet.redis.ended();
  for (const worker of fleet.workers) worker.kill('SIGTERM');
  // Much sooner than at the end of their grace time, which is more than half an hour.
  for (const worker of fleet.workers) await worker.ended();
  await fleet.redis.start();
});
