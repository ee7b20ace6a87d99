import type { Job, queueSchema } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { z } from 'zod';
import { json, problem, requestsTo } from '../testing/requests.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
let redis: Redis;
const logged: string[] = [];
beforeAll(async () => {
  redis = new Redis(inject('redisUrl'));
  api = await startApi(inject('redisUrl'), { logLevel: 'warn' }, { logged });
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});
const { submitted } = requestsTo(() => api);
const held = async () => (await json<z.infer<typeof queueSchema>>(await api.call('/v1/queue'))).held;
const stateOf = async ({ id }: Job) => (await json<Job>(await api.call(`/v1/jobs/${id}`))).state;
const image = () => ({ image: `r.example/${Math.random()}:1` });

it('an operator holds and releases all jobs', async () => {
  expect(await held()).toBeUndefined();
  expect(await problem(await api.post('/v1/queue/release', { jobs: 'run' }))).toEqual([409, 'jobs_not_held']);
  expect((await api.call('/v1/queue/hold', { method: 'POST' })).status).toBe(204);
  expect(await held()).toEqual({ reason: 'operator', since: expect.any(String) });
  const since = (await held())?.since;
  expect((await api.call('/v1/queue/hold', { method: 'POST' })).status).toBe(204);
  expect((await held())?.since).toBe(since);
  const ready = async () => await (await fetch(`${api.url}/readyz`)).text();
  await expect.poll(ready, { timeout: 60_000 }).toContain('jobs_held');
  expect(logged.join()).toContain('jobs_held');
  const job = await submitted(image());
  const released = await api.post('/v1/queue/release', { jobs: 'run' });
  expect([released.status, await released.json()]).toEqual([200, { canceled: 0 }]);
  expect([await held(), await stateOf(job)]).toEqual([undefined, 'queued']);
});

it('the release of a restored backup cancels the jobs that may have run since, and no others', async () => {
  const old = await submitted(image());
  const parked = await submitted({ ...image(), platforms: ['linux/amd64'] });
  const submittedAt = Date.now();
  await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(submittedAt + 10);
  const known = submittedAt + 10;
  const keys = redisKeys(api.prefix);
  const times = { mark: known - 3_600_000, known };
  await redis.hset(keys.hold, { reason: 'restored', since: known, ...times });
  const added = await submitted(image());
  expect(await held()).toEqual({
    reason: 'restored',
    since: new Date(known).toISOString(),
    redis_at: new Date(times.mark).toISOString(),
    known_at: new Date(known).toISOString(),
  });
  const { canceled } = await json<{ canceled: number }>(
    await api.post('/v1/queue/release', { jobs: 'cancel' }),
  );
  expect(canceled).toBeGreaterThanOrEqual(2);
  expect(await Promise.all([old, parked, added].map(stateOf))).toEqual(['canceled', 'canceled', 'queued']);
  expect(await held()).toBeUndefined();
  expect(Number(await redis.get(keys.timeMark))).toBeGreaterThanOrEqual(known);
});
