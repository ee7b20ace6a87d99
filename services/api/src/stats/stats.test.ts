import { ReplicaRegistry, replicaId } from '@slipway/control-plane/replicas';
import { MinuteCounts, StatsStore } from '@slipway/control-plane/stats';
import type { Stats } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
let redis: Redis;
const replica = 'http://builder:1';
beforeAll(async () => {
  api = await startApi(inject('redisUrl'));
  redis = new Redis(inject('redisUrl'));
  const keys = redisKeys(api.prefix);
  await new ReplicaRegistry({ redis, keys }).announce([
    { url: replica, max: 2, pool: 'arm', platforms: ['linux/arm64'] },
  ]);
  const counts = new MinuteCounts({ now: Date.now });
  counts.jobEnded('amd', 'failed');
  counts.called({ replica, outcome: 'succeeded' });
  counts.called({ replica: 'http://gone:1', outcome: 'fault' });
  await new StatsStore({ redis, keys }).add(counts.take());
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});

const stats = async (query = '', token = 'token') => {
  const res = await api.call(`/v1/stats${query}`, { headers: { authorization: `Bearer ${token}` } });
  return { status: res.status, body: (await res.json()) as Stats & { code?: string } };
};
const sum = <K extends string>(points: readonly Partial<Record<K, number>>[] = [], what: K) =>
  points.reduce((total, point) => total + (point[what] ?? 0), 0);

it('GET /v1/stats has a row of points for each pool and replica, known or running', async () => {
  const { status, body } = await stats();
  expect(status).toBe(200);
  expect(body.step_seconds).toBe(60);
  expect(body.times).toHaveLength(60);
  expect(body.pools.map(({ name }) => name)).toEqual(['amd', 'arm']);
  const [amd, arm] = body.pools;
  expect([amd?.points.length, sum(amd?.points, 'failed')]).toEqual([60, 1]);
  expect([arm?.points.length, sum(arm?.points, 'failed')]).toEqual([60, 0]);
  const [there, gone] = body.replicas ?? [];
  expect(there).toMatchObject({ id: replicaId(replica), url: replica, pool: 'arm' });
  expect([there?.points.length, sum(there?.points, 'builds')]).toEqual([60, 1]);
  expect(gone).not.toHaveProperty('url');
  expect(sum(gone?.points, 'faults')).toBe(1);
});

it('hides replicas from a token that may not read them', async () => {
  const made = await api.post('/v1/tokens', { description: 'reader', scopes: ['jobs:read'] });
  expect(made.status).toBe(201);
  const { token } = (await made.json()) as { token: string };
  const { status, body } = await stats('?minutes=5', token);
  expect(status).toBe(200);
  expect(body.pools[0]?.points).toHaveLength(5);
  expect(body).not.toHaveProperty('replicas');
});

it('refuses times out of range', async () => {
  for (const query of ['?minutes=0', '?minutes=1441', '?minutes=x', '?hours=1']) {
    expect(await stats(query)).toMatchObject({ status: 422, body: { code: 'request_invalid' } });
  }
});
