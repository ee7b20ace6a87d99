import { randomUUID } from 'node:crypto';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { accountFaults } from '../stored/testing.js';
import { JobStore } from './index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const source = { digest: `sha256:${'a'.repeat(64)}` };
const result = { image: 'x', duration_ms: 1 };
const most = 5_000;

function newInstallation() {
  const keys = redisKeys(`learned-${randomUUID()}`);
  const store = new JobStore({ redis, keys });
  const homes = `${keys.base}homes`;
  return {
    keys,
    async build(repository: string, tenant = 'one') {
      const id = newId('job');
      const spec = jobSpecSchema.parse({ image: `r.example/${repository}:1`, source, force: true });
      await store.create(id, spec, { tenant: { name: tenant, weight: 1 } });
      const token = randomUUID();
      await store.start(id, { token, worker: 'w', replica: 'http://b', takesSuspects: true });
      expect(await store.finish(id, token, { state: 'succeeded', result })).toBe(true);
    },
    /** Records old builds of these names, the oldest first. */
    async fill(tenant: string, count: number) {
      const names = Array.from({ length: count }, (_, at) => `${tenant}/r.example/old-${at}`);
      await redis
        .multi()
        .zadd(keys.durations, ...names.flatMap((name) => [1_000, name]))
        .hset(homes, ...names.flatMap((name) => [name, 'http://b']))
        .zadd(keys.learned(tenant), ...names.flatMap((name, at) => [at + 1, name]))
        .exec();
    },
    async known(name: string) {
      const [duration, home] = await Promise.all([
        redis.zscore(keys.durations, name),
        redis.hget(homes, name),
      ]);
      return [duration !== null, home !== null];
    },
    counts: () => Promise.all([redis.zcard(keys.durations), redis.hlen(homes)]),
  };
}

it('the newest names of a tenant have a build time and a replica', async () => {
  const { build, fill, known, counts } = newInstallation();
  await fill('one', most);
  await fill('two', 3);
  // Built again, so it is no longer the oldest.
  await build('old-0');
  expect(await counts()).toEqual([most + 3, most + 3]);
  await build('new-1');
  await build('new-2');
  expect(await counts()).toEqual([most + 3, most + 3]);
  expect(await known('one/r.example/old-0')).toEqual([true, true]);
  expect(await known('one/r.example/new-1')).toEqual([true, true]);
  expect(await known('one/r.example/new-2')).toEqual([true, true]);
  expect(await known('one/r.example/old-1')).toEqual([false, false]);
  expect(await known('one/r.example/old-2')).toEqual([false, false]);
  expect(await known('one/r.example/old-3')).toEqual([true, true]);
  expect(await known('two/r.example/old-0')).toEqual([true, true]);
});

it('the record of an image is charged together with the key of its newest job', async () => {
  const { build, keys } = newInstallation();
  const name = 'x'.repeat(200);
  await build(name);
  const image = `r.example/${name}:1`;
  const built = `${keys.base}built:one/${image}`;
  const sizes = await Promise.all(
    [built, `${keys.base}image:newest:${image}`].map((key) => redis.memory('USAGE', key)),
  );
  const charged = Number(await redis.hget(built, 'stored'));
  expect(charged).toBeGreaterThanOrEqual(sizes.reduce<number>((sum, size) => sum + Number(size), 0));
  expect(await accountFaults({ redis, keys })).toEqual([]);
});
