import { randomUUID } from 'node:crypto';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { JobStore } from './job-store.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const digest = `sha256:${'a'.repeat(64)}`;
const tenant = { name: 'default', weight: 1 };
const [running, sharer, waiting] = [newId('job'), newId('job'), newId('job')];
const token = randomUUID();
const spec = (image: string) =>
  jobSpecSchema.parse({ image: `r.example/${image}:1`, source: { digest }, function: image });

/** Creates three jobs under a new prefix: one runs, one shares its build and one waits. The ids are the same each time. */
async function installation() {
  const keys = redisKeys(`half-${randomUUID()}`);
  const store = new JobStore({ redis, keys });
  await store.create(running, spec('a'), { tenant });
  await store.create(sharer, spec('a'), { tenant });
  await store.create(waiting, spec('b'), { tenant });
  await store.start(running, { token, worker: 'w', replica: 'http://b', takesSuspects: true });
  const names = async () => (await redis.keys(`${keys.base.replace(/[{}]/g, '\\$&')}*`)).sort();
  return {
    ...{ keys, store, names },
    /** Returns the content of every key except one. */
    async contents(except: string) {
      const others = (await names()).filter((name) => name !== except);
      return Object.fromEntries(
        await Promise.all(
          others.map(async (name) => [name, (await redis.dumpBuffer(name))?.toString('hex')]),
        ),
      );
    },
  };
}

const result = { image: 'r.example/a:1', digest, duration_ms: 1 };
const error = { code: 'build_failed' as const, detail: 'no', log_tail: [] };
const created = newId('job');
const again = newId('job');
const operations: Record<string, (store: JobStore) => Promise<unknown>> = {
  create: (store) => store.create(created, spec('c'), { tenant }),
  'create a job that shares a build': (store) => store.create(again, spec('a'), { tenant }),
  start: (store) => store.start(waiting, { token, worker: 'w', replica: 'http://b', takesSuspects: true }),
  succeed: (store) => store.finish(running, token, { state: 'succeeded', result }),
  fail: (store) => store.finish(running, token, { state: 'failed', error }),
  requeue: (store) =>
    store.requeue(running, token, {
      code: 'builder_lost',
      detail: 'no',
      spent: true,
      delayMs: 0,
      died: true,
    }),
  cancel: (store) => store.cancel(waiting),
};

test.each(Object.keys(operations))(
  '%s changes everything or nothing when a key has the wrong type',
  async (name) => {
    const run = operations[name] as (store: JobStore) => Promise<unknown>;
    const control = await installation();
    const before = await control.names();
    await run(control.store);
    const base = control.keys.base;
    const touched = [...new Set([...before, ...(await control.names())])].map((key) =>
      key.slice(base.length),
    );
    expect(touched.length).toBeGreaterThan(10);
    let refused = 0;
    for (const key of touched) {
      const { keys, store, contents } = await installation();
      const broken = keys.base + key;
      const type = await redis.type(broken);
      await redis.del(broken);
      if (type === 'string' || key.startsWith('image:')) await redis.hset(broken, 'x', 'y');
      else await redis.set(broken, 'x');
      const found = await contents(broken);
      const failure = await run(store).then(
        () => undefined,
        (cause: Error) => cause,
      );
      if (!failure) continue;
      refused++;
      expect(await contents(broken), `${key}: ${failure.message}`).toEqual(found);
    }
    expect(refused).toBeGreaterThan(5);
  },
);

test.each(['queued_at', 'tag', 'lost', 'version', 'attempt', 'tenant'])(
  'a record whose %s is wrong is never half changed',
  async (field) => {
    const { keys, store, contents } = await installation();
    for (const id of [running, waiting]) {
      if (field === 'tenant') await redis.hdel(keys.job(id), field);
      else await redis.hset(keys.job(id), field, 'x');
    }
    const found = await contents('');
    for (const [name, run] of Object.entries(operations)) {
      if (name.startsWith('create')) continue;
      await expect(run(store)).rejects.toThrow();
      expect(await contents('')).toEqual(found);
    }
  },
);
