import { randomUUID } from 'node:crypto';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createBuildQueues } from '../queues/index.js';
import { BatchStore, cancelStopped, Dispatch, JobStore } from './index.js';
import { emptyQueues, RecordedQueue } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const tenant = { name: 'default', weight: 1 };
const source = { digest: `sha256:${'a'.repeat(64)}` };
const parts = ['amd', 'arm'].map((pool) => ({ pool, platforms: [`linux/${pool}64`] }));
const begin = { token: 't', worker: 'w', replica: 'http://b', takesSuspects: true };
const result = { image: 'x', duration_ms: 1 };
const error = { code: 'build_failed' as const, detail: '', log_tail: [] };
const specOf = (id: string) => jobSpecSchema.parse({ image: `r.example/${id.slice(4)}:1`, source });

/** Returns stores over real queues, without a worker. */
function installation() {
  const keys = redisKeys(`dispatch-${randomUUID()}`);
  const builds = createBuildQueues({ redis, keys });
  const dispatch = new Dispatch({ redis, keys, builds, logger });
  const store = new JobStore({ redis, keys, dispatch });
  const batches = new BatchStore({ redis, keys, dispatch });
  const create = async (options: Partial<Parameters<JobStore['create']>[2]> = {}) => {
    const id = newId('job');
    await store.create(id, specOf(id), { tenant, ...options });
    return id;
  };
  const isQueued = async (id: string) => (await builds.missing([id])).length === 0;
  const undispatched = () => redis.zrange(keys.undispatched, '0', '-1');
  return { keys, builds, dispatch, store, batches, create, isQueued, undispatched };
}

describe('the queue', () => {
  it('has a job when its creation returns, in the queue of its pool', async () => {
    const { builds, create, isQueued, undispatched } = installation();
    const [first, second] = [await create({ pool: 'arm' }), await create({ pool: 'arm' })];
    expect([await isQueued(first), await builds.position(first), await builds.position(second)]).toEqual([
      ...[true, 0, 1],
    ]);
    expect(await undispatched()).toEqual([]);
  });

  it('loses a job with its cancellation', async () => {
    const { store, create, isQueued } = installation();
    const id = await create({ pool: 'arm' });
    expect(await store.cancel(id)).toBe('canceled');
    expect(await isQueued(id)).toBe(false);
  });

  it('loses a job whose unreadable record is discarded, in the queue of its pool', async () => {
    const { keys, store, create, isQueued } = installation();
    const id = await create({ pool: 'arm' });
    await redis.hset(keys.job(id), 'spec', 'no JSON');
    expect(await store.discard(id)).toBe('ok');
    expect(await redis.exists(`${keys.bullPrefix}:builds-arm:${id}`)).toBe(0);
    expect(await isQueued(id)).toBe(false);
  });

  it('loses the waiting jobs of a stopped batch', async () => {
    const { store, batches, create, isQueued } = installation();
    const batch = newId('batch');
    await batches.open(batch, { tenant, total: 2, options: { on_failure: 'continue', labels: {} } });
    const ids = [await create({ batch }), await create({ batch })] as const;
    expect([await isQueued(ids[0]), await isQueued(ids[1])]).toEqual([false, false]);
    await batches.commit(batch);
    await expect.poll(async () => (await isQueued(ids[0])) && (await isQueued(ids[1]))).toBe(true);
    await batches.stop(batch);
    await cancelStopped({ id: batch, batches, store });
    expect([await isQueued(ids[0]), await isQueued(ids[1])]).toEqual([false, false]);
  });

  it('loses the other parts of a job when one part fails', async () => {
    const { store, create, isQueued } = installation();
    const id = await create({ pool: 'amd', parts });
    const [amd = '', arm = ''] = ((await store.get(id))?.parts ?? []).map((part) => part.id);
    expect([await isQueued(id), await isQueued(amd), await isQueued(arm)]).toEqual([false, true, true]);
    await store.start(amd, begin);
    await store.finish(amd, begin.token, { state: 'failed', error });
    await expect.poll(() => isQueued(arm)).toBe(false);
  });
});

describe('a transition', () => {
  const recorded = () => {
    const queue = new RecordedQueue();
    const keys = redisKeys(`dispatch-${randomUUID()}`);
    return { queue, store: new JobStore({ redis, keys, dispatch: queue }) };
  };

  it('withdraws a job that ends in the queue, and no job that runs or is parked', async () => {
    const { queue, store } = recorded();
    const [waiting, running, sharer] = [newId('job'), newId('job'), newId('job')];
    await store.create(waiting, specOf(waiting), { tenant, pool: 'arm' });
    await store.create(running, specOf(running), { tenant });
    await store.create(sharer, specOf(running), { tenant });
    await store.start(running, begin);
    await store.cancel(sharer);
    await store.cancel(waiting);
    await store.finish(running, begin.token, { state: 'succeeded', result });
    expect(queue.withdrawn).toEqual([{ id: waiting, pool: 'arm' }]);
  });
});

describe('the bridge', () => {
  it('adds released jobs before it removes withdrawn ones', async () => {
    const keys = redisKeys(`dispatch-${randomUUID()}`);
    const { dispatch, calls } = emptyQueues({ redis, keys, logger });
    await dispatch.apply({
      released: [
        { id: 'a', pool: 'p', priority: 1 },
        { id: 'b', pool: 'p', priority: 1 },
      ],
      withdrawn: [{ id: 'b', pool: 'p' }],
    });
    expect(calls).toEqual([
      ['add', ['a', 'b']],
      ['remove', ['b']],
    ]);
  });

  it('leaves a job undispatched when the queue cannot be reached, and reports it', async () => {
    const keys = redisKeys(`dispatch-${randomUUID()}`);
    const warnings: unknown[] = [];
    const fails = () => Promise.reject(new Error('away'));
    const builds = { add: fails, remove: fails, missing: fails };
    const warn = (context: unknown) => void warnings.push(context);
    const dispatch = new Dispatch({ redis, keys, builds, logger: { warn } as never });
    const store = new JobStore({ redis, keys, dispatch });
    const id = newId('job');
    expect(await store.create(id, specOf(id), { tenant })).toMatchObject({ state: 'queued' });
    expect(warnings).toMatchObject([{ released: 1, withdrawn: 0 }]);
    expect(await dispatch.undispatched(Date.now() + 60_000, 10)).toEqual([id]);
    expect(await dispatch.undispatched(Date.now() - 60_000, 10)).toEqual([]);
  });

  it('restores jobs by their records, and neither parked nor unknown ones', async () => {
    const { keys, dispatch, store, create, isQueued, undispatched } = installation();
    const lost = await create({ pool: 'arm' });
    const unknown = newId('job');
    await redis.zadd(keys.undispatched, 1, unknown);
    const sharer = newId('job');
    await store.create(sharer, specOf(lost), { tenant, pool: 'arm' });
    await redis.del(...(await redis.keys(`${keys.bullPrefix}:*`)));
    expect(await dispatch.restoreMissing([lost, sharer, unknown])).toMatchObject([{ id: lost, pool: 'arm' }]);
    expect([await isQueued(lost), await isQueued(sharer), await undispatched()]).toEqual([true, false, []]);
    expect(await dispatch.restoreMissing([lost])).toEqual([]);
  });
});
