import { randomUUID } from 'node:crypto';
import { PoolRegistry, ReplicaRegistry } from '@slipway/control-plane/replicas';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Capacity } from './capacity.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

test('counts all replicas, reads a part of them, and sees every change', async () => {
  const keys = redisKeys(randomUUID());
  const registry = new ReplicaRegistry({ redis, keys });
  const pools = new PoolRegistry({ redis, keys });
  await pools.declare([{ name: 'default', platforms: [], slots: undefined }]);
  const named = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => `http://10.0.0.1:${from + at}`);
  const announce = (urls: readonly string[]) =>
    registry.announce(urls.map((url) => ({ url, max: 2, pool: 'default', platforms: [] })));
  let [limit, read] = [0, 0];
  const capacity = new Capacity({
    registry: {
      urls: () => registry.urls(),
      states(urls) {
        read = urls.length;
        return registry.states(urls);
      },
    },
    pools,
    builds: {
      async limit(_pool, wanted = 0) {
        limit = wanted;
      },
    },
    logger,
  });
  const first = named(1, 301);
  await announce(first);
  for (const url of first) await registry.setReadiness(url, 'ready');
  // Each replica has two slots, and three more jobs are let out for it.
  await capacity.run();
  expect([limit, read]).toEqual([300 * 5, 300]);
  await capacity.run();
  expect([limit, read]).toEqual([300 * 5, 50]);
  // New replicas count at once, and replicas whose health is unknown are read each time.
  await announce(named(301, 311));
  for (let run = 0; run < 2; run++) {
    await capacity.run();
    expect([limit, read]).toEqual([310 * 5, 60]);
  }
  for (const url of first.slice(0, 100)) await registry.setHealth(url, 'down');
  for (let run = 0; run < 6; run++) await capacity.run();
  expect(limit).toBe(210 * 2 + 310 * 3);
  // A replica that is back counts at once.
  await registry.setReadiness(first[0] as string, 'ready');
  await capacity.run();
  expect(limit).toBe(211 * 2 + 310 * 3);
});
