import { randomUUID } from 'node:crypto';
import { jobSpecSchema, tenantSettingsSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Dispatch, Hold, JobStore } from '../jobs/index.js';
import { createBuildQueues, queueKeys } from '../queues/index.js';
import { TenantStore } from '../tenants/index.js';
import { readDemand } from './demand.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const source = { digest: `sha256:${'a'.repeat(64)}` };

/** An installation whose jobs go to real queues. */
function installation() {
  const keys = redisKeys(`demand-${randomUUID()}`);
  const builds = createBuildQueues({ redis, keys });
  const store = new JobStore({ redis, keys, dispatch: new Dispatch({ redis, keys, builds, logger }) });
  let images = 0;
  const submit = async (changes: object = {}, tenant = 'default', more: object = {}) => {
    const id = newId('job');
    const spec = jobSpecSchema.parse({ image: `r.example/i-${++images}:1`, source, pool: 'arm', ...changes });
    await store.create(id, spec, { tenant: { name: tenant, weight: 1 }, pool: 'arm', ...more });
    return id;
  };
  const start = async (id: string) => {
    const options = { token: id, worker: 'w', replica: 'http://b', takesSuspects: true };
    return (await store.start(id, options)).outcome;
  };
  const finish = (id: string) =>
    store.finish(id, id, { state: 'succeeded', result: { image: 'x', duration_ms: 1 } });
  const requeue = (id: string, delayMs: number) =>
    store.requeue(id, id, { code: 'push_failed', detail: '', spent: true, delayMs });
  const demand = () => readDemand({ redis, keys }, 'arm');
  /** The number of jobs that may run, and of builds. */
  const counts = async () => {
    const { ready, running, builds: known } = await demand();
    expect(known.length).toBe(running);
    return [Math.round(ready.reduce((sum, { weight }) => sum + weight, 0)), running];
  };
  return { keys, store, submit, start, finish, requeue, demand, counts };
}

describe('the demand of a pool', () => {
  it('is empty without jobs', async () => {
    const { demand } = installation();
    const empty = { meanBuildMs: undefined, running: 0, builds: [], ready: [], rooms: new Map() };
    expect(await demand()).toEqual(empty);
  });

  it('has the jobs that wait and the builds that run, with their expected times', async () => {
    const { keys, submit, start, demand, counts } = installation();
    const [first] = [await submit({ function: 'fn' }), await submit()];
    const name = await redis.hget(keys.job(first), 'expected');
    await redis.zadd(keys.durations, 7_000, String(name));
    await redis.hset(keys.stats, 'build_ms:arm', 9_000);
    expect(await demand()).toMatchObject({
      meanBuildMs: 9_000,
      ready: [
        { tenant: 'default', expectedMs: 7_000, weight: 1 },
        { tenant: 'default', expectedMs: undefined, weight: 1 },
      ],
    });
    expect(await start(first)).toBe('started');
    await redis.hincrby(keys.job(first), 'attempt_at', -5_000);
    expect(await counts()).toEqual([1, 1]);
    const [build] = (await demand()).builds;
    expect(build?.expectedMs).toBe(7_000);
    expect(build?.elapsedMs).toBeGreaterThanOrEqual(5_000);
  });

  it('has jobs that a worker holds without a slot, or has just put back', async () => {
    const { keys, submit, counts } = installation();
    const [held, back] = [await submit(), await submit()];
    const queue = queueKeys(keys, 'arm');
    await redis.zrem(`${queue}prioritized`, held, back);
    expect(await counts()).toEqual([0, 0]);
    await redis.lpush(`${queue}active`, held);
    await redis.zadd(`${queue}delayed`, Date.now() * 4_096, back);
    expect(await counts()).toEqual([2, 0]);
  });

  it('has no job that waits for its next attempt', async () => {
    const { keys, submit, start, requeue, counts } = installation();
    const id = await submit();
    await start(id);
    await requeue(id, 60_000);
    expect(await counts()).toEqual([0, 0]);
    await redis.hset(keys.job(id), 'retry_at', 1);
    expect(await counts()).toEqual([1, 0]);
  });

  it('has no job while jobs are held, but the builds that run', async () => {
    const { keys, submit, start, counts } = installation();
    const hold = new Hold({ redis, keys });
    await start(await submit());
    await submit();
    await hold.begin();
    expect(await counts()).toEqual([0, 1]);
    await hold.release();
    expect(await counts()).toEqual([1, 1]);
  });

  it('has no job that pushes to a registry that does not answer, and one as the probe', async () => {
    const { keys, submit, counts } = installation();
    await submit();
    await submit({ image: 'other.example/a:1', tags: ['r.example/a:1'] });
    await submit({ image: 'other.example/b:1' });
    const circuit = (openUntil: number) => redis.hset(keys.registry('r.example'), 'open_until', openUntil);
    await circuit(Date.now() + 60_000);
    expect(await counts()).toEqual([1, 0]);
    await circuit(1);
    expect(await counts()).toEqual([2, 0]);
    await redis.del(keys.registry('r.example'));
    expect(await counts()).toEqual([3, 0]);
  });

  it('has one of the jobs that push to one image, and none while another job pushes there', async () => {
    const { submit, start, finish, counts } = installation();
    const image = 'r.example/same:1';
    const [first] = [
      await submit({ image, force: true }),
      await submit({ image, build_args: { A: '1' }, force: true }),
      await submit({ image, build_args: { A: '2' }, force: true }),
    ];
    expect(await counts()).toEqual([1, 0]);
    await start(first);
    expect(await counts()).toEqual([0, 1]);
    await finish(first);
    expect(await counts()).toEqual([1, 0]);
  });

  it('has no job that joins parts: it needs no slot', async () => {
    const { keys, store, submit, start, finish, counts } = installation();
    const parts = [
      { pool: 'arm', platforms: ['linux/arm64'] },
      { pool: 'amd', platforms: ['linux/amd64'] },
    ];
    const platforms = parts.flatMap((part) => part.platforms);
    const id = await submit({ platforms, pool: undefined }, 'default', { parts });
    expect(await counts()).toEqual([1, 0]);
    for (const part of (await store.get(id))?.parts ?? []) {
      await start(part.id);
      await finish(part.id);
    }
    expect(await redis.zscore(`${queueKeys(keys, 'arm')}prioritized`, id)).not.toBeNull();
    expect(await counts()).toEqual([0, 0]);
    expect(await start(id)).toBe('started');
    expect(await counts()).toEqual([0, 0]);
  });

  it('names the room of tenants with a limit of running jobs', async () => {
    const { keys, submit, start, demand } = installation();
    const tenants = new TenantStore({ redis, keys });
    await tenants.put('team', tenantSettingsSchema.parse({ images: ['*'], limits: { running_jobs: 2 } }));
    const [first] = [await submit({}, 'team'), await submit({}, 'team'), await submit({}, 'other')];
    expect((await demand()).rooms).toEqual(new Map([['team', 2]]));
    await start(first);
    expect((await demand()).rooms).toEqual(new Map([['team', 1]]));
  });

  it('is read from a sample of a long queue', async () => {
    const { keys, submit, demand, counts } = installation();
    const first = await submit();
    const copies = Array.from({ length: 999 }, (_, at) => `${first}-${at}`);
    const fields = await redis.hgetall(keys.job(first));
    const pipeline = redis.pipeline();
    for (const [at, id] of copies.entries()) {
      pipeline.hset(keys.job(id), { ...fields, pushes_to: `r.example/c-${at}:1` });
      pipeline.zadd(`${queueKeys(keys, 'arm')}prioritized`, at, id);
    }
    await pipeline.exec();
    expect(await counts()).toEqual([1_000, 0]);
    expect((await demand()).ready).toHaveLength(128);
  });
});
