import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { controlPlaneLua } from '../lua/index.js';
import { JobStore } from './job-store.js';
import { RecordedQueue } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const digest = `sha256:${'a'.repeat(64)}`;
const tenant = { name: 'default', weight: 1 };

// Texts that a JSON decoder in Lua refuses or changes.
const texts = {
  'half a surrogate pair': '\ud83d',
  'the other half': 'x\udc00y',
  'a zero byte': 'a\0b',
  'deep JSON': '['.repeat(2_000),
  'what looks like fields': '","function":"other","push":false,"callback":{"',
  'a number of 400 digits': '9'.repeat(400),
  'a colon and digits, as lists are written': '5:12:',
};

/** Starts a job and ends it with success. */
async function build(store: JobStore, id: string): Promise<void> {
  const token = randomUUID();
  const begun = { token, worker: 'w', replica: 'http://b', takesSuspects: true };
  expect(await store.start(id, begun)).toMatchObject({ outcome: 'started' });
  const record = await store.get(id);
  const result = { image: record?.spec.image ?? '', digest, duration_ms: 7 };
  expect(await store.finish(id, token, { state: 'succeeded', result })).toBe(true);
  expect(await store.get(id)).toMatchObject({ state: 'succeeded', result });
}

test.each(Object.entries(texts))('a job whose build arguments hold %s succeeds', async (_what, text) => {
  const keys = redisKeys(`text-${randomUUID()}`);
  const dispatch = new RecordedQueue();
  const store = new JobStore({ redis, keys, dispatch });
  const spec = jobSpecSchema.parse({
    ...{ image: 'r.example/a:1', source: { digest }, function: 'fn' },
    build_args: { A: text },
  });
  const id = newId('job');
  const sharer = newId('job');
  await store.create(id, spec, { tenant });
  await store.create(sharer, spec, { tenant });
  expect(dispatch.ids).toEqual([id]);
  await build(store, id);
  expect(await store.get(sharer)).toMatchObject({
    state: 'succeeded',
    result: { digest, cached: true, duration_ms: 0 },
  });
  expect(await redis.hget(keys.functionRecord('default', 'openfaas-fn/fn'), 'built_job')).toBe(sharer);
  expect((await store.get(id))?.spec.build_args).toEqual({ A: text });
});

test.each(Object.entries(texts))(
  'a job in parts whose build arguments hold %s succeeds',
  async (_what, text) => {
    const keys = redisKeys(`text-${randomUUID()}`);
    const dispatch = new RecordedQueue();
    const released = dispatch.ids;
    const store = new JobStore({ redis, keys, dispatch });
    const spec = jobSpecSchema.parse({
      ...{ image: 'r.example/a:1', source: { digest }, labels: { team: 'x' } },
      build_args: { A: `ü${text}` },
    });
    const id = newId('job');
    const parts = ['amd', 'arm'].map((pool) => ({ pool, platforms: [`linux/${pool}64`] }));
    await store.create(id, spec, { tenant, parts });
    const [amd, arm] = released;
    expect((await store.get(arm ?? ''))?.spec).toMatchObject({
      image: 'r.example/a:1-arm',
      build_args: spec.build_args,
    });
    await build(store, amd ?? '');
    await build(store, arm ?? '');
    expect(released[2]).toBe(id);
    await build(store, id);
  },
);

test('no script decodes JSON', () => {
  const folder = fileURLToPath(controlPlaneLua.url);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.lua'),
  );
  const texts = names.map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
  expect(texts.filter(({ text }) => text.includes('redis.call(')).length).toBeGreaterThan(20);
  expect(
    texts.filter(({ text }) => /cjson\.decode|cmsgpack\.unpack/.test(text)).map(({ name }) => name),
  ).toEqual([]);
});
