import { randomUUID } from 'node:crypto';
import { type BatchOptions, type JobSpec, jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseEvents } from '../events/index.js';
import type { AttemptEnd } from './attempt-outcome.js';
import { toBatch } from './batch-record.js';
import { BatchStore } from './batch-store.js';
import { cancelStopped } from './cancel-stopped.js';
import { JobStore } from './job-store.js';
import { plannedRecord } from './planned-record.js';
import { RecordedQueue } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const tenant = { name: 'default', weight: 1 };
const sourceOf = (text: string) => ({ digest: `sha256:${text.repeat(64)}` });
const spec = (image: string, changes: object = {}): JobSpec =>
  jobSpecSchema.parse({ image: `r.example/${image}:1`, source: sourceOf('a'), ...changes });
const result = { image: 'x', digest: `sha256:${'d'.repeat(64)}`, duration_ms: 70 };
const succeeded: AttemptEnd = { state: 'succeeded', result };
const failed: AttemptEnd = {
  state: 'failed',
  error: { code: 'build_failed', detail: 'step 2', log_tail: ['x'] },
};
const canceled: AttemptEnd = { state: 'canceled', error: { code: 'canceled', detail: '', log_tail: [] } };

/** Returns stores with their own keys, and the jobs that were released to the queue. */
function stores() {
  const keys = redisKeys(`test-${randomUUID()}`);
  const dispatch = new RecordedQueue();
  const released = dispatch.ids;
  const store = new JobStore({ redis, keys, dispatch });
  const batches = new BatchStore({ redis, keys, dispatch });
  const create = async (wanted: JobSpec, batch?: string) => {
    const id = newId('job');
    await store.create(id, wanted, { tenant, batch });
    return { id, isReleased: released.includes(id) };
  };
  const open = async (total: number, options: Partial<BatchOptions> = {}) => {
    const id = newId('batch');
    await batches.open(id, { tenant, total, options: { on_failure: 'continue', labels: {}, ...options } });
    return id;
  };
  /** Creates a batch of jobs for images that no other job builds. */
  const draft = async (count: number, options: Partial<BatchOptions> = {}) => {
    const batch = await open(count, options);
    const ids: string[] = [];
    for (let at = 0; at < count; at++)
      ids.push((await create(spec(`own-${batch.slice(6)}-${at}`), batch)).id);
    return { batch, ids: ids as [string, ...string[]] };
  };
  const committed = async (count: number, options: Partial<BatchOptions> = {}) => {
    const made = await draft(count, options);
    expect(await batches.commit(made.batch)).toBeDefined();
    return made;
  };
  const begin = async (id: string) => {
    const token = randomUUID();
    const { outcome } = await store.start(id, {
      token,
      worker: 'w',
      replica: 'http://b',
      takesSuspects: true,
    });
    expect(outcome).toBe('started');
    return token;
  };
  const end = async (id: string, how: AttemptEnd) =>
    expect(await store.finish(id, await begin(id), how)).toBe(true);
  const stateOf = async (id: string) => (await store.get(id))?.state;
  const countsOf = async (batch: string) => (await batches.get(batch))?.counts;
  const finishedEvents = async () =>
    parseEvents(await redis.xrange(keys.events, '-', '+')).filter(({ kind }) => kind === 'batch').length;
  const sweep = (id: string) => cancelStopped({ id, batches, store });
  return {
    keys,
    store,
    batches,
    released,
    create,
    open,
    draft,
    committed,
    begin,
    end,
    stateOf,
    countsOf,
    finishedEvents,
    sweep,
  };
}

describe('a batch', () => {
  it('has no job in the queue before its commit, then all of them, and ends once', async () => {
    const { keys, batches, released, draft, end, countsOf, finishedEvents } = stores();
    const { batch, ids } = await draft(3);
    expect([released, await redis.zcard(keys.undispatched)]).toEqual([[], 0]);
    expect(await countsOf(batch)).toMatchObject({ queued: 3 });
    expect(await batches.commit(batch)).toBeDefined();
    expect(released.toSorted()).toEqual(ids);
    expect((await redis.zrange(keys.undispatched, '0', '-1')).toSorted()).toEqual(ids);
    const [a, b, c] = ids as [string, string, string];
    await end(a, succeeded);
    await end(b, failed);
    expect([await countsOf(batch), await finishedEvents()]).toEqual([
      { queued: 1, running: 0, succeeded: 1, failed: 1, canceled: 0 },
      0,
    ]);
    await end(c, canceled);
    const record = await batches.get(batch);
    expect(record && toBatch(record, Date.now())).toMatchObject({
      state: 'finished',
      counts: { queued: 0, running: 0, succeeded: 1, failed: 1, canceled: 1 },
    });
    expect(await finishedEvents()).toBe(1);
    expect(await redis.pttl(keys.batch(batch))).toBeGreaterThan(0);
  });

  it('stays within its limit in the queue, and releases the next job when one ends in any state', async () => {
    const { store, released, committed, begin, end } = stores();
    const { ids } = await committed(5, { max_running: 2 });
    expect(released).toHaveLength(2);
    const [a, b] = released as [string, string];
    const token = await begin(a);
    expect(await store.requeue(a, token, { code: 'push_failed', detail: '', spent: true, delayMs: 0 })).toBe(
      true,
    );
    expect(released).toHaveLength(2);
    await end(a, failed);
    expect(released).toHaveLength(3);
    expect(await store.cancel(b)).toBe('canceled');
    expect(released).toHaveLength(4);
    // The end of a job that was never released makes no room.
    const last = ids.find((id) => !released.includes(id)) as string;
    await store.cancel(last);
    expect(released).toHaveLength(4);
    for (const id of released.slice(2)) await end(id, succeeded);
    expect(new Set(released).size).toBe(4);
  });

  it('that stops at a failure lets running jobs continue, and begins no more', async () => {
    const { batches, store, committed, begin, end, stateOf, sweep, finishedEvents } = stores();
    const { batch, ids } = await committed(4, { on_failure: 'stop' });
    const [a, b, c, d] = ids as [string, string, string, string];
    const token = await begin(b);
    await end(a, failed);
    expect(await batches.stopping()).toEqual([batch]);
    expect((await store.admit(c)).outcome).toBe('terminal');
    expect(await store.get(c)).toMatchObject({ state: 'canceled', error: { code: 'batch_stopped' } });
    await sweep(batch);
    expect([await stateOf(b), await stateOf(d)]).toEqual(['running', 'canceled']);
    expect((await store.get(b))?.cancelRequested).toBe(false);
    expect(await store.finish(b, token, succeeded)).toBe(true);
    expect([await batches.stopping(), await finishedEvents()]).toEqual([[], 1]);
  });

  it('that is canceled cancels its running jobs too', async () => {
    const { batches, store, committed, begin, stateOf, sweep, finishedEvents } = stores();
    const { batch, ids } = await committed(700);
    const token = await begin(ids[0]);
    expect(await batches.stop(batch)).toBe('ok');
    await sweep(batch);
    expect((await batches.get(batch))?.counts).toMatchObject({ queued: 0, running: 1, canceled: 699 });
    expect((await store.get(ids[0]))?.cancelRequested).toBe(true);
    // A job that returns to the queue meanwhile does not begin again.
    await store.requeue(ids[0], token, { code: 'push_failed', detail: '', spent: true, delayMs: 0 });
    expect((await store.admit(ids[0])).outcome).toBe('terminal');
    expect([await stateOf(ids[0]), await finishedEvents()]).toEqual(['canceled', 1]);
    expect(await batches.stop(batch)).toBe('terminal');
  });

  it('that was canceled as a draft takes and builds no jobs, and is not listed', async () => {
    const { batches, released, draft, create, sweep, countsOf } = stores();
    const { batch } = await draft(2);
    expect(await batches.drafts(-1_000)).toEqual([batch]);
    expect(await batches.giveUp(batch)).toBe(true);
    expect(await batches.commit(batch)).toBeUndefined();
    await expect(create(spec('late'), batch)).rejects.toMatchObject({ code: 'batch_closed' });
    await sweep(batch);
    expect([released, await countsOf(batch)]).toEqual([
      [],
      expect.objectContaining({ queued: 0, canceled: 2 }),
    ]);
    expect([await batches.drafts(-1_000), await batches.stopping()]).toEqual([[], []]);
    expect((await batches.list({ tenant: 'default', limit: 10 })).records).toEqual([]);
  });

  it('that was committed is no draft that could be canceled', async () => {
    const { batches, committed } = stores();
    const { batch } = await committed(1);
    expect(await batches.giveUp(batch)).toBe(false);
    expect((await batches.get(batch))?.stopped).toBeUndefined();
  });
});

describe('identical jobs', () => {
  it('share one build and its success', async () => {
    const { store, released, create, end, open, batches, countsOf } = stores();
    const first = await create(spec('same'));
    const batch = await open(1);
    const sharer = await create(spec('same'), batch);
    await batches.commit(batch);
    expect(released).toEqual([first.id]);
    expect((await store.admit(sharer.id)).outcome).toBe('missing');
    await end(first.id, succeeded);
    expect(await store.get(sharer.id)).toMatchObject({
      state: 'succeeded',
      result: { digest: result.digest, cached: true, duration_ms: 0 },
      attempts: [],
    });
    expect(await countsOf(batch)).toMatchObject({ succeeded: 1, queued: 0 });
  });

  it('share a failure, which stops a batch with on_failure stop', async () => {
    const { store, create, end, open, batches, stateOf, sweep } = stores();
    const first = await create(spec('same'));
    const batch = await open(2, { on_failure: 'stop' });
    const sharer = await create(spec('same'), batch);
    const other = await create(spec('other'), batch);
    // The failure comes before the commit of the batch, which succeeds anyway.
    await end(first.id, failed);
    expect(await store.get(sharer.id)).toMatchObject({ state: 'failed', error: { code: 'build_failed' } });
    expect(await batches.commit(batch)).toBeDefined();
    await sweep(batch);
    expect(await stateOf(other.id)).toBe('canceled');
    expect((await batches.get(batch))?.finishedAt).toBeDefined();
  });

  it('continue when the job that builds is canceled: the first of them builds for the others', async () => {
    const { store, released, create, end, begin, stateOf } = stores();
    const first = await create(spec('same'));
    const second = await create(spec('same'));
    const third = await create(spec('same'));
    const token = await begin(first.id);
    expect(await store.cancel(first.id)).toBe('requested');
    // A job whose cancel was requested takes no more sharers.
    const fourth = await create(spec('same'));
    expect(fourth.isReleased).toBe(true);
    await store.finish(first.id, token, canceled);
    expect(released).toEqual([first.id, fourth.id, second.id]);
    await end(second.id, succeeded);
    expect([await stateOf(third.id), await stateOf(fourth.id)]).toEqual(['succeeded', 'queued']);
  });

  it('continue when one of them is canceled', async () => {
    const { keys, store, create, end, stateOf } = stores();
    const first = await create(spec('same'));
    const second = await create(spec('same'));
    expect(await store.cancel(second.id)).toBe('canceled');
    expect(await redis.exists(`${keys.base}sharers:${first.id}`)).toBe(0);
    await end(first.id, succeeded);
    expect(await stateOf(second.id)).toBe('canceled');
  });

  it('are each built when forced, or when they differ in a field of the build key', async () => {
    const { create } = stores();
    await create(spec('same'));
    const differing = [
      { force: true },
      { source: sourceOf('b') },
      { build_args: { A: '1' } },
      { platforms: ['linux/arm64'] },
      { push: false },
    ];
    for (const changes of differing) expect((await create(spec('same', changes))).isReleased).toBe(true);
  });
});

describe('a job that may be skipped', () => {
  const skip = { skip_if_unchanged: true };

  it('has the last result of its image when the build key is the same', async () => {
    const { store, create, end, open, batches, finishedEvents } = stores();
    await end((await create(spec('image', skip))).id, succeeded);
    const batch = await open(2);
    const ids = [await create(spec('image', skip), batch), await create(spec('image', skip), batch)];
    await batches.commit(batch);
    for (const { id, isReleased } of ids) {
      expect(isReleased).toBe(false);
      expect(await store.get(id)).toMatchObject({
        state: 'succeeded',
        result: { digest: result.digest, cached: true, duration_ms: 0 },
      });
    }
    expect(await finishedEvents()).toBe(1);
  });

  it('is built when the build key differs, the last build failed, or the job is forced', async () => {
    const { create, end } = stores();
    await end((await create(spec('image', skip))).id, succeeded);
    expect((await create(spec('image', { ...skip, build_args: { A: '2' } }))).isReleased).toBe(true);
    expect((await create(spec('image', { ...skip, force: true }))).isReleased).toBe(true);
    await end((await create(spec('broken', skip))).id, failed);
    expect((await create(spec('broken', skip))).isReleased).toBe(true);
    expect((await create(spec('image'))).isReleased).toBe(false); // Shares the forced build.
  });

  it('is built when another job pushes to the image, or has pushed since', async () => {
    const { create, end } = stores();
    await end((await create(spec('image'))).id, succeeded);
    const other = await create(spec('image', { source: sourceOf('b') }));
    const behind = await create(spec('image', skip));
    expect(behind.isReleased).toBe(true);
    await end(other.id, succeeded);
    await end(behind.id, succeeded);
    expect((await create(spec('image', skip))).isReleased).toBe(false);
    await end((await create(spec('image', { source: sourceOf('b') }))).id, succeeded);
    expect((await create(spec('image', skip))).isReleased).toBe(true);
  });
});

describe('jobs that are added together', () => {
  const planned = (specs: readonly JobSpec[]) =>
    specs.map((wanted) => ({
      id: newId('job'),
      spec: wanted,
      planned: plannedRecord(wanted, { tenant }),
    }));

  type Job = ReturnType<typeof planned>[number];

  /** The content of the keys of an installation, without ids and times. */
  async function contentsOf(base: string, ids: readonly string[]) {
    const names = await redis.keys(`${base.replace(/[{}]/g, '\\$&')}*`);
    const plain = (value: unknown) =>
      ids
        .reduce((text, id, at) => text.replaceAll(id, `id-${at}`), JSON.stringify(value).replaceAll(base, ''))
        .replace(/\d{13}(-\d+)?|"unit","\d+"/g, 'time');
    const contents = names.map(async (name) => {
      const type = await redis.type(name);
      if (type === 'hash') return [name, type, Object.entries(await redis.hgetall(name)).sort()];
      if (type === 'zset') return [name, type, await redis.zrange(name, '0', '-1', 'WITHSCORES')];
      if (type === 'stream') return [name, type, await redis.xrange(name, '-', '+')];
      return [name, type, type === 'set' ? (await redis.smembers(name)).sort() : await redis.get(name)];
    });
    return (await Promise.all(contents)).map(plain).sort();
  }

  it('leave the same in Redis as jobs that are added one by one', async () => {
    const map = (text: string) => ({ build_args: { A: text.repeat(300) } });
    const specs = [
      spec('one', { function: 'one', labels: { a: 'b' }, ...map('x') }),
      spec('two', { function: 'two', priority: 'high', ...map('x') }),
      spec('one', { function: 'one', labels: { a: 'b' }, ...map('x') }),
      spec('two', { priority: 'low', tags: ['r.example/more:2'], ...map('y') }),
    ];
    const found = await Promise.all(
      [1, specs.length].map(async (atOnce) => {
        const { open, batches, store, keys } = stores();
        const batch = await open(specs.length);
        const jobs = planned(specs);
        for (let at = 0; at < jobs.length; at += atOnce)
          await batches.addJobs(batch, jobs.slice(at, at + atOnce), { tenant });
        const record = await batches.commit(batch);
        expect(record).toEqual(await batches.get(batch));
        const first = await store.get(jobs[0]?.id ?? '');
        expect(first?.spec).toEqual(specs[0]);
        return await contentsOf(keys.base, [batch, ...jobs.map(({ id }) => id)]);
      }),
    );
    expect(found[1]).toEqual(found[0]);
  });

  it('are added all or none', async () => {
    const { open, batches, store } = stores();
    const batch = await open(3);
    const [first, second, third] = planned([spec('a'), spec('b'), spec('c')]) as [Job, Job, Job];
    await batches.addJobs(batch, [second], { tenant });
    await expect(batches.addJobs(batch, [first, second, third], { tenant })).rejects.toThrow(/taken/);
    expect(await store.get(first.id)).toBeUndefined();
    expect((await batches.get(batch))?.counts.queued).toBe(1);
  });
});
