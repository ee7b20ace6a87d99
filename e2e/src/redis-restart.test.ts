import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestFleet, type TestFleet } from './fleet.js';

let fleet: TestFleet;
beforeAll(async () => {
  // Builds outlast the test, so that a missing job cannot have ended before.
  fleet = await startTestFleet({
    ...{ replicas: [{ slots: 2 }], workers: 1 },
    durations: { meanMs: 600_000, sigma: 0 },
  });
});
afterAll(() => fleet?.stop());

const call = async (path: string, json?: object) => {
  const answer = await fleet.calls.call(path, { ...(json && { method: 'POST', json }), timeoutMs: 20_000 });
  return {
    status: answer.status,
    body: answer.body as { id: string; state: string; jobs: { id: string }[] },
  };
};

/** Submits jobs and a batch, and returns the ids of all jobs that were acknowledged. */
async function submit(round: string): Promise<string[]> {
  const spec = (name: string) => ({
    ...{ image: `registry.test/restart/${round}-${name}:1`, function: `${round}-${name}` },
    source: { digest: fleet.source },
  });
  const alone = await Promise.all(
    Array.from({ length: 20 }, async (_, at) => {
      const { status, body } = await call('/v1/jobs', spec(`alone-${at}`));
      expect(status).toBe(202);
      return body.id;
    }),
  );
  const batch = await call('/v1/batches', {
    items: Array.from({ length: 20 }, (_, at) => spec(`batch-${at}`)),
  });
  expect(batch.status).toBe(202);
  const listed = await call(`/v1/jobs?batch=${batch.body.id}&limit=100`);
  expect(listed.body.jobs).toHaveLength(20);
  return [...alone, ...listed.body.jobs.map(({ id }) => id)];
}

async function lost(ids: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(ids.map(async (id) => ({ id, ...(await call(`/v1/jobs/${id}`)) })));
  return answers.flatMap(({ id, status }) => (status === 200 ? [] : [`${id} ${status}`]));
}

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'every acknowledged job outlives a restart of Redis with the shipped users and append-only file: %s',
  async (signal) => {
    const ids = await submit(signal.toLowerCase());
    fleet.redis.kill(signal);
    await fleet.redis.ended();
    await fleet.redis.start();
    await expect.poll(async () => (await call('/readyz')).status, { interval: 200 }).toBe(200);
    expect(await lost(ids)).toEqual([]);
  },
);

test('a Redis that may drop queued jobs causes a 503 with a code everywhere, and processes refuse to start', async () => {
  const cleanups = new Cleanups();
  const logger = createLogger({ name: 'test', level: 'silent' });
  const administrator = connectRedis({
    url: fleet.redisUrl,
    name: 'test',
    logger,
    cleanups,
    mode: 'request',
  });
  const codes = async () => {
    const urls = [...fleet.apis, ...fleet.workers].map(({ url }) => `${url}/readyz`);
    const answers = await Promise.all([...urls, `${fleet.apis[0]?.url}/v1/jobs`].map((url) => fetch(url)));
    return await Promise.all(
      answers.map(async (answer) => `${answer.status} ${((await answer.json()) as { code?: string }).code}`),
    );
  };
  try {
    await administrator.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect.poll(codes).toEqual(Array(3).fill('503 redis_evicts'));
    const main = fileURLToPath(new URL('../../services/worker/dist/main.js', import.meta.url));
    const env = {
      PATH: process.env.PATH,
      PORT: '0',
      ...fleet.blobs,
      PAYLOAD_SECRET: 'x',
      BUILDERS: 'http://127.0.0.1:1#max=1',
    };
    const worker = spawn(process.execPath, [main], {
      env: { ...env, ...fleet.redisUsers.env(fleet.redisUrl) },
    });
    const [said, [exit]] = await Promise.all([text(worker.stderr), once(worker, 'exit')]);
    expect({ said, exit }).toMatchObject({
      exit: 2,
      said: expect.stringMatching(
        /^worker: redis_evicts: .*allkeys-lru.* Set maxmemory-policy to noeviction/m,
      ),
    });
  } finally {
    await administrator.config('SET', 'maxmemory-policy', 'noeviction');
    await cleanups.run(logger);
  }
  await expect.poll(async () => (await call('/readyz')).status).toBe(200);
  expect((await call('/v1/jobs')).status).toBe(200);
});
