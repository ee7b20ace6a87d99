import type { Job } from '@slipway/client';
import type { Member } from '@slipway/local';
import { readStats, submitAll } from '@slipway/simulator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestFleet, type TestFleet } from './fleet.js';

/** SIGUSR2 blocks the event loop of a worker for 8 s, SIGWINCH for ever. */
const blocking = `
import { isMainThread } from 'node:worker_threads';
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
if (isMainThread) process.on('SIGUSR2', () => block(8_000)).on('SIGWINCH', () => block());
`;

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({
    replicas: [{ slots: 4 }],
    // Longer than the event loop is blocked.
    durations: { meanMs: 12_000, sigma: 0 },
    env: {
      worker: {
        LOCK_DURATION_MS: '3000',
        STALLED_INTERVAL_MS: '500',
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(blocking)}`,
      },
    },
  });
});
afterAll(() => fleet?.stop());

const replica = () => fleet.replicas[0] as Member;
const jobOf = async (id: string) => (await fleet.calls.call(`/v1/jobs/${id}`)).body as Job;
const outcomes = ({ attempts }: Job) => attempts.map(({ outcome }) => outcome);

/** Submits a job, and waits until a replica builds it. Returns the worker that has it. */
async function building(name: string) {
  const [job] = await submitAll({ fleet, specs: [{ image: `registry.test/busy-worker-${name}:1` }] });
  const id = job?.id ?? '';
  await expect.poll(async () => (await readStats(replica().url)).concurrency).toBe(1);
  const { attempts } = await jobOf(id);
  // The names of workers have the id of their process.
  const worker = fleet.workers.find(({ pid }) => attempts[0]?.worker.includes(`-${pid}-`)) as Member;
  return { worker, ended: async () => (await fleet.calls.call(`/v1/jobs/${id}?wait=60`)).body as Job };
}

test('a worker keeps its build while its event loop is blocked for longer than its lock lives', async () => {
  const { worker, ended } = await building('blocked');
  worker.kill('SIGUSR2');
  const job = await ended();
  expect(outcomes(job)).toEqual(['succeeded']);
  expect((await readStats(replica().url)).begun).toBe(1);
});

test('another worker takes over the build of a worker whose event loop never runs again', async () => {
  const { worker, ended } = await building('stuck');
  worker.kill('SIGWINCH');
  const job = await ended();
  worker.kill('SIGKILL');
  expect(job.attempts).toMatchObject([{ outcome: 'succeeded', takeovers: 1 }]);
});
