import { randomUUID } from 'node:crypto';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type AnnouncedReplica, ReplicaRegistry } from '../replicas/index.js';
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

/** Announces one replica. `build` builds an image there, and returns the home that it had before. */
async function installation({ url, kind }: Pick<AnnouncedReplica, 'url' | 'kind'>) {
  const keys = redisKeys(`home-${randomUUID()}`);
  const store = new JobStore({ redis, keys });
  const registry = new ReplicaRegistry({ redis, keys });
  await registry.announce([{ url, ...(kind && { kind }), max: 1, pool: 'default', platforms: [] }]);
  return {
    registry,
    async build() {
      const id = newId('job');
      const spec = jobSpecSchema.parse({ image: 'r.example/a:1', source, force: true });
      await store.create(id, spec, { tenant: { name: 'one', weight: 1 } });
      const ready = await store.admit(id);
      if (ready.outcome !== 'ready') throw new Error(ready.outcome);
      const token = randomUUID();
      await store.start(id, { token, worker: 'w', replica: url, takesSuspects: true });
      await store.finish(id, token, { state: 'succeeded', result });
      return ready.home;
    },
  };
}

it.each([
  ['a configured address', 'http://a:8081', 'url'],
  ['a pod', 'http://10.0.0.1:8080#uid', 'k8s'],
] as const)(
  '%s stays the home of its functions when its process starts again: its layers are on disk',
  async (_place, url, kind) => {
    const { registry, build } = await installation({ url, kind });
    await registry.setEngine(url, 'buildkit', [], 'first');
    expect(await build()).toBeUndefined();
    await registry.setEngine(url, 'buildkit', [], 'second');
    expect(await build()).toBe(url);
  },
);

it('an address from DNS is the home of its functions while the same process answers there', async () => {
  const url = 'http://10.0.0.1:8081';
  const { registry, build } = await installation({ url, kind: 'dns' });
  await registry.setEngine(url, 'buildkit', [], 'first');
  await build();
  expect(await build()).toBe(url);
  await registry.setEngine(url, 'buildkit', [], 'second');
  expect(await build()).toBeUndefined();
  expect(await build()).toBe(url);
});

it('an address from DNS whose builder names no process stays the home of its functions', async () => {
  const url = 'http://10.0.0.1:8081';
  const { build } = await installation({ url, kind: 'dns' });
  await build();
  expect(await build()).toBe(url);
});
