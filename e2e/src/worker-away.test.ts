import type { Job } from '@slipway/client';
import type { Member } from '@slipway/local';
import { readStats, submitAll } from '@slipway/simulator';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTestFleet, type TestFleet } from './fleet.js';

/** Long enough that no worker takes over a job of another worker in these tests. */
const never = '600000';
const minutes = 60_000;

let fleet: TestFleet;
afterEach(() => fleet?.stop());

const replica = () => fleet.replicas[0] as Member;
const stats = () => readStats(replica().url);
/** Waits for the end of a job, also while the API refuses requests because Redis is away. */
async function ended(id: string): Promise<Job> {
  await expect.poll(async () => (await jobOf(id)).state, { timeout: 120_000 }).toBe('succeeded');
  return await jobOf(id);
}
const jobOf = async (id: string) => (await fleet.calls.call(`/v1/jobs/${id}`)).body as Job;

/** Submits a job, and waits until the replica builds it. Returns its id and the worker that has it. */
async function building() {
  const [job] = await submitAll({ fleet, specs: [{ image: 'registry.test/worker-away:1' }] });
  const id = job?.id ?? '';
  await expect.poll(async () => (await stats()).concurrency).toBe(1);
  const { attempts } = await jobOf(id);
  // The names of workers have the id of their process.
  const worker = fleet.workers.find(({ pid }) => attempts[0]?.worker.includes(`-${pid}-`)) as Member;
  return { id, worker };
}

describe('a job whose worker was killed', () => {
  beforeEach(async () => {
    fleet = await startTestFleet({
      replicas: [{ slots: 4 }],
      durations: { meanMs: 10 * minutes, sigma: 0 },
      env: { worker: { LOCK_DURATION_MS: never, STALLED_INTERVAL_MS: never } },
    });
  });

  test('is canceled at its replica long before another worker can take it over', async () => {
    const { id, worker } = await building();
    worker.kill('SIGKILL');
    await worker.ended();
    const { status } = await fleet.calls.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect(status).toBe(202);
    await expect.poll(async () => await stats()).toMatchObject({ concurrency: 0, canceled: 1 });
    expect((await jobOf(id)).state).toBe('running');
  });
});

describe('a worker that is stopped while Redis is away', () => {
  beforeEach(async () => {
    fleet = await startTestFleet({
      replicas: [{ slots: 4 }],
      durations: { meanMs: 40_000, sigma: 0 },
      env: { worker: { LOCK_DURATION_MS: '3000', STALLED_INTERVAL_MS: '500', SHUTDOWN_GRACE_MS: never } },
    });
  });

  test.each([
    ['hangs', 'SIGSTOP'],
    ['was killed', 'SIGKILL'],
  ] as const)(
    'which %s, ends, and another worker continues its build once Redis is back',
    async (_why, signal) => {
      const { id, worker } = await building();
      fleet.redis.kill(signal);
      worker.kill('SIGTERM');
      await worker.ended();
      expect((await stats()).concurrency).toBe(1);
      fleet.redis.kill('SIGCONT');
      await fleet.redis.start();
      const job = await ended(id);
      expect(job.attempts).toMatchObject([{ number: 1, outcome: 'succeeded', takeovers: 1 }]);
      expect((await stats()).begun).toBe(1);
    },
  );
});
