import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchStore, JobStore } from '@slipway/control-plane/jobs';
import { logBlobKey, logKeys } from '@slipway/control-plane/logs';
import { openBlobStore } from '@slipway/shared/blobs';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { RemovalBudget } from './removal-budget.js';
import { Retention, type RetentionConfig } from './retention.js';

const logger = createLogger({ name: 'test', level: 'fatal' });
const tenant = { name: 'default', weight: 1 };
const digest = `sha256:${'0'.repeat(64)}`;
const dayMs = 24 * 3600 * 1_000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanups.splice(0).reverse()) await step();
});

/** For what does not go by it. */
const noBudget: Pick<RemovalBudget, 'left' | 'spent'> = {
  left: async () => 10_000,
  spent: async () => undefined,
};

let prefixes = 0;

async function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-retention-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const owned = new Cleanups();
  cleanups.push(() => owned.run(logger));
  const redis = connectRedis({
    url: inject('redisUrl'),
    name: 'test',
    logger,
    cleanups: owned,
    mode: 'request',
  });
  const keys = redisKeys(`retention-${process.pid}-${++prefixes}`);
  const blobs = await openBlobStore(`file://${folder}`);
  const store = new JobStore({ redis, keys });
  const batches = new BatchStore({ redis, keys });
  let images = 0;
  return {
    folder,
    blobs,
    redis,
    keys,
    store,
    batches,
    /** A job with a log, in a state. */
    async job(state: 'queued' | 'canceled' | 'succeeded' | 'failed', batch?: string) {
      const id = newId('job');
      const spec = jobSpecSchema.parse({
        image: `r.example/f${++images}:1`,
        source: { digest },
        function: 'hello',
        labels: { team: 'a' },
      });
      await store.create(id, spec, { tenant, batch });
      if (batch !== undefined) await batches.commit(batch);
      if (state === 'canceled') await store.cancel(id);
      if (state === 'succeeded' || state === 'failed') {
        const options = { token: 't', worker: 'w', replica: 'r', takesSuspects: true };
        expect(await store.start(id, options)).toMatchObject({ outcome: 'started' });
        await blobs.write(logBlobKey(id, 1), [Buffer.from('a line\n')]);
        await redis.xadd(keys.log(id), '1-1', 't', 'a line');
        const error = { code: 'build_failed' as const, detail: 'x', log_tail: [] };
        const result = { image: spec.image, duration_ms: 1 };
        await store.finish(id, 't', state === 'failed' ? { state, error } : { state, result });
      }
      return { id };
    },
    run: (config: Partial<RetentionConfig>, inDays: number, budget = noBudget) =>
      new Retention({
        budget,
        store,
        blobs,
        config: { days: 30, failedDays: 90, jobs: 1_000, ...config },
        now: () => Date.now() + inDays * dayMs,
        logger,
      }).run(new AbortController().signal),
    logs: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name.split('.')[0]),
    /** Every key in which the id occurs, events excepted: those tell what was. */
    async traces(id: string) {
      const found: string[] = [];
      for (const key of await redis.keys(`${keys.base}*`)) {
        if (key.includes(id)) found.push(key);
        else if ((await redis.type(key)) === 'zset' && (await redis.zscore(key, id)) !== null)
          found.push(key);
      }
      return found;
    },
  };
}

describe('retention', () => {
  it('removes what ended long ago with all that leads to it, failures later, and never what has not ended', async () => {
    const { job, run, store, logs, traces } = await setUp();
    const [queued, canceled, succeeded, failed] = [
      await job('queued'),
      await job('canceled'),
      await job('succeeded'),
      await job('failed'),
    ];
    await run({}, 29);
    expect(logs().sort()).toEqual([succeeded.id, failed.id].sort());
    await run({}, 31);
    expect(await Promise.all([canceled, succeeded].map(({ id }) => traces(id)))).toEqual([[], []]);
    expect(logs()).toEqual([failed.id]);
    const filter = { tenant: 'default', limit: 10 };
    for (const narrow of [{}, { function: 'openfaas-fn/hello' }, { labels: { team: 'a' } }]) {
      const { records, next } = await store.list({ ...filter, ...narrow });
      expect(records.map(({ id }) => id)).toEqual([failed.id, queued.id]);
      expect(next).toBeUndefined();
    }
    await run({}, 91);
    expect(await traces(failed.id)).toEqual([]);
    expect(logs()).toEqual([]);
    expect(await store.get(queued.id)).toMatchObject({ state: 'queued' });
  });

  it('waits while the blob store is away, and then removes records with all parts of their logs', async () => {
    const { job, run, store, blobs, folder, logs, redis, keys, traces } = await setUp();
    const [small, large] = [await job('succeeded'), await job('failed')];
    await redis.hset(keys.job(large.id), 'log_parts', 3);
    const record = await store.get(large.id);
    if (!record) throw new Error('no record');
    for (const key of logKeys(record)) await blobs.write(key, [Buffer.from('a line\n')]);
    expect(logs()).toHaveLength(5);
    renameSync(folder, `${folder}.away`);
    await expect(run({}, 100)).rejects.toMatchObject({ code: 'storage_unavailable' });
    renameSync(`${folder}.away`, folder);
    expect(await store.get(small.id)).toBeDefined();
    expect(logs()).toHaveLength(5);
    await run({}, 100);
    expect(logs()).toEqual([]);
    expect([...(await traces(small.id)), ...(await traces(large.id))]).toEqual([]);
  });

  it('removes the oldest when there are too many, those that failed last, and none that has just ended', async () => {
    const { job, run, store } = await setUp();
    const failed = [await job('failed'), await job('failed')];
    const succeeded = [await job('succeeded'), await job('succeeded'), await job('succeeded')];
    const left = async () => {
      const kept = await Promise.all([...failed, ...succeeded].map(({ id }) => store.get(id)));
      return kept.map((record) => record !== undefined);
    };
    await run({ jobs: 4 }, 0);
    expect(await left()).toEqual([true, true, true, true, true]);
    await run({ jobs: 4 }, 1);
    expect(await left()).toEqual([true, true, false, true, true]);
    await run({ jobs: 1 }, 1);
    expect(await left()).toEqual([false, true, false, false, false]);
  });

  it('removes at most a share per hour for their age under any leader, and always those beyond the limit', async () => {
    const { job, run, store, redis, keys } = await setUp();
    for (let made = 0; made < 8; made++) await job('canceled');
    const budget = () => new RemovalBudget({ redis, keys, of: 'jobs' });
    // As if the leader before had removed nearly all that may go in this hour.
    expect(await budget().left(8)).toBe(1_000);
    await budget().spent(997);
    await run({}, 100, budget());
    expect(await store.count('canceled')).toBe(5);
    await run({}, 100, budget());
    expect(await store.count('canceled')).toBe(5);
    await run({ jobs: 4 }, 100, budget());
    expect(await store.count('canceled')).toBe(4);
    expect(await budget().left(8)).toBe(0);
    // Another hour begins with a share of what there is then.
    await redis.hset(keys.removals('jobs'), 'hour', 1);
    expect(await budget().left(30_000)).toBe(3_000);
  });

  it('goes on past records that cannot be read, and leaves them', async () => {
    const { job, run, redis, keys } = await setUp();
    const broken = [await job('succeeded'), await job('succeeded'), await job('succeeded')];
    const old = await job('succeeded');
    for (const { id } of broken) await redis.hset(keys.job(id), 'spec', '{');
    await redis.hset(keys.job((broken[1] as { id: string }).id), 'schema', '99', 'spec', '{"image":"a"}');
    await run({}, 31);
    expect(await redis.exists(keys.job(old.id))).toBe(0);
    expect(await redis.exists(...broken.map(({ id }) => keys.job(id)))).toBe(3);
  });

  it('goes through many in several calls', async () => {
    const { job, run, store } = await setUp();
    for (let n = 0; n < 60; n++) await Promise.all(Array.from({ length: 10 }, () => job('canceled')));
    await run({}, 31);
    expect(await store.count('canceled')).toBe(100);
    await run({}, 31);
    expect(await store.count('canceled')).toBe(0);
  });

  it('takes a job out of the list of its batch, whose counts stay', async () => {
    const { job, run, batches, store, keys, redis } = await setUp();
    const batch = newId('batch');
    await batches.open(batch, { tenant, total: 1, options: { on_failure: 'continue', labels: {} } });
    const { id } = await job('succeeded', batch);
    expect((await store.list({ tenant: 'default', batch, limit: 5 })).records).toHaveLength(1);
    await run({}, 31);
    expect(await store.get(id)).toBeUndefined();
    expect(await redis.zcard(keys.index(`batch:${batch}`))).toBe(0);
    expect(await batches.get(batch)).toMatchObject({ counts: { succeeded: 1 } });
  });
});
