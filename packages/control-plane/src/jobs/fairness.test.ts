import { randomUUID } from 'node:crypto';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { DispatchJob } from './dispatch.js';
import type { Tenant } from './identity.js';
import { JobStore } from './job-store.js';
import { RecordedQueue } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const source = { digest: `sha256:${'a'.repeat(64)}` };
const large: Tenant = { name: 'large', weight: 1 };
const small: Tenant = { name: 'small', weight: 1 };

/** Returns a queue that starts jobs by priority, then in the order of their submission. */
function newQueue() {
  const keys = redisKeys(`fair-${randomUUID()}`);
  const queue = new RecordedQueue();
  const store = new JobStore({ redis, keys, dispatch: queue });
  const waiting: { id: string; label: string; pool: string; priority: number }[] = [];
  return {
    store,
    keys,
    async submit(label: string, tenant: Tenant, spec: object = {}) {
      const id = newId('job');
      const image = `r.example/${label}:1`;
      await store.create(id, jobSpecSchema.parse({ image, source, force: true, ...spec }), { tenant });
      const { priority, pool } = queue.released.at(-1) as DispatchJob;
      waiting.push({ id, label, pool, priority });
      return priority;
    },
    /** Starts the last job, as for a slot that has its layers. The first ones are ready. */
    async startLast() {
      waiting.sort((a, b) => a.priority - b.priority);
      const last = waiting.pop();
      const first = waiting[0]?.priority;
      await store.start(last?.id ?? '', {
        token: 't',
        worker: 'w',
        replica: 'b',
        takesSuspects: true,
        first,
      });
    },
    async startNext(pool = 'default') {
      waiting.sort((a, b) => a.priority - b.priority);
      const at = waiting.findIndex((job) => job.pool === pool);
      const [next] = at < 0 ? [] : waiting.splice(at, 1);
      if (!next) throw new Error('nothing waits');
      await store.start(next.id, { token: 't', worker: 'w', replica: 'b', takesSuspects: true });
      return next.label;
    },
    /** Sets the known build time of a function. */
    known: (label: string, tenant: Tenant, ms: number) =>
      redis.zadd(keys.durations, ms, `${tenant.name}/r.example/${label}`),
  };
}

describe('the order of waiting jobs', () => {
  it('starts the only job of one tenant after at most one job of a tenant with hundreds', async () => {
    const { submit, startNext } = newQueue();
    for (let at = 0; at < 300; at++) await submit(`bulk-${at}`, large);
    for (let at = 0; at < 50; at++) await startNext();
    await submit('single', small);
    const next = [await startNext(), await startNext(), await startNext()];
    expect(next).toContain('single');
  });

  it('starts the only job of one tenant early, also when jobs of another tenant that are far behind have started before their turn', async () => {
    const { submit, startNext, startLast } = newQueue();
    for (let at = 0; at < 100; at++) await submit(`bulk-${at}`, large);
    for (let at = 0; at < 10; at++) await startLast();
    await submit('single', small);
    const next = [await startNext(), await startNext(), await startNext()];
    expect(next).toContain('single');
  });

  it('takes turns by weight', async () => {
    const { submit, startNext } = newQueue();
    const heavy: Tenant = { name: 'heavy', weight: 3 };
    for (let at = 0; at < 60; at++) await submit(`light-${at}`, large);
    for (let at = 0; at < 60; at++) await submit(`heavy-${at}`, heavy);
    const first: string[] = [];
    for (let at = 0; at < 40; at++) first.push(await startNext());
    expect(first.filter((label) => label.startsWith('heavy'))).toHaveLength(30);
  });

  it('puts every job of a higher class before all jobs of a lower class', async () => {
    const { submit, startNext } = newQueue();
    await submit('low', large, { priority: 'low' });
    await submit('normal', large);
    await submit('high', large, { priority: 'high' });
    expect([await startNext(), await startNext(), await startNext()]).toEqual(['high', 'normal', 'low']);
  });

  it('starts the builds with the longest expected time first within a burst', async () => {
    const { submit, startNext, known } = newQueue();
    const labels = Array.from({ length: 100 }, (_unused, at) => `fn-${at}`);
    for (const [at, label] of labels.entries()) await known(label, large, 100 + at);
    // The order of submission is independent of the times.
    for (let at = 0; at < 100; at++) await submit(labels[(at * 37) % 100] as string, large);
    const order: number[] = [];
    for (let at = 0; at < 100; at++) order.push(Number((await startNext()).slice(3)));
    const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
    expect(mean(order.slice(-20))).toBeLessThan(30);
    expect(mean(order.slice(0, 50))).toBeGreaterThan(55);
  });

  it('starts again when no job waits or runs, and stays within the priorities of the queue', async () => {
    const { submit, startNext, store } = newQueue();
    const first = await submit('a', large);
    await startNext();
    expect(await submit('b', large)).toBeGreaterThan(first);
    const { records } = await store.list({ tenant: 'large', limit: 10 });
    for (const { id, state } of records) {
      if (state === 'queued') await store.cancel(id);
      else await store.finish(id, 't', { state: 'succeeded', result: { image: 'x', duration_ms: 1 } });
    }
    expect(await submit('c', large)).toBeLessThanOrEqual(first);
    const tiny: Tenant = { name: 'tiny', weight: 0.000_001 };
    expect(await submit('d', tiny, { priority: 'low' })).toBeLessThanOrEqual(2 ** 21);
  });
});

describe('a pool', () => {
  it('has its own order, independent of other pools', async () => {
    const { submit, startNext, store } = newQueue();
    for (let at = 0; at < 100; at++) await submit(`bulk-${at}`, large, { pool: 'arm' });
    await submit('first', small);
    await submit('second', large);
    await submit('third', small);
    expect([await startNext(), await startNext(), await startNext()]).toEqual(['first', 'second', 'third']);
    expect(await startNext('arm')).toBe('bulk-0');
    expect(await store.queue('arm')).toMatchObject({ queued: 99, running: 1 });
    expect(await store.queue('default')).toMatchObject({ queued: 0, running: 3 });
  });
});

describe('jobs for one image', () => {
  const image = 'r.example/same:1';
  const begin = { token: 't', worker: 'w', replica: 'b', takesSuspects: true };
  const newJobs = async (count: number, spec: object = {}) => {
    const { store } = newQueue();
    const ids = Array.from({ length: count }, () => newId('job'));
    for (const id of ids)
      await store.create(id, jobSpecSchema.parse({ image, source, force: true, ...spec }), { tenant: large });
    return { store, ids };
  };
  const end = { state: 'succeeded', result: { image, duration_ms: 1 } } as const;

  it('run one at a time', async () => {
    const { store, ids } = await newJobs(2);
    const [one, two] = ids as [string, string];
    await store.start(one, begin);
    expect(await store.admit(two)).toEqual({ outcome: 'wait' });
    expect(await store.start(two, begin)).toEqual({ outcome: 'wait' });
    expect((await store.get(two))?.state).toBe('queued');
    await store.finish(one, 't', end);
    expect(await store.start(two, begin)).toMatchObject({ outcome: 'started' });
  });

  it('end as superseded when a newer job has pushed before they begin', async () => {
    const { store, ids } = await newJobs(3);
    const [oldest, middle, newest] = ids as [string, string, string];
    await store.start(middle, begin);
    await store.finish(middle, 't', end);
    expect(await store.admit(oldest)).toEqual({ outcome: 'terminal' });
    expect(await store.get(oldest)).toMatchObject({ state: 'canceled', error: { code: 'superseded' } });
    expect(await store.admit(newest)).toMatchObject({ outcome: 'ready' });
  });

  it('are independent when they do not push', async () => {
    const { store, ids } = await newJobs(2, { push: false });
    for (const id of ids) expect(await store.start(id, begin)).toMatchObject({ outcome: 'started' });
  });
});

describe('a job that waits too long', () => {
  it('ends as expired, with or without a worker', async () => {
    const keys = redisKeys(`expire-${randomUUID()}`);
    const store = new JobStore({ redis, keys, queueTimeoutMs: 1 });
    const ids = [newId('job'), newId('job')];
    for (const id of ids)
      await store.create(id, jobSpecSchema.parse({ image: 'x', source, force: true }), { tenant: large });
    await expect.poll(() => store.admit(ids[0] as string)).toEqual({ outcome: 'terminal' });
    const state = async (id: string) => {
      await store.expire();
      return (await store.get(id))?.state;
    };
    for (const id of ids) {
      await expect.poll(() => state(id)).toBe('failed');
      expect(await store.get(id)).toMatchObject({ error: { code: 'expired', log_tail: [] } });
    }
  });
});
