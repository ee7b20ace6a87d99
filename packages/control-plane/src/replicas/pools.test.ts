import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ReplicaRegistry } from './registry.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const installation = () => {
  const keys = redisKeys(`pools-${randomUUID()}`);
  return { keys, registry: new ReplicaRegistry({ redis, keys }) };
};
const replica = (url: string, pool: string, ...platforms: string[]) => ({
  url,
  max: undefined,
  pool,
  platforms,
});

describe('pools', () => {
  it('are those of the announced replicas', async () => {
    const { registry } = installation();
    expect(await registry.pools()).toEqual([]);
    await registry.announce([
      replica('http://b', 'arm', 'linux/arm/v7', 'linux/arm64'),
      replica('http://a', 'amd'),
    ]);
    expect(await registry.pools()).toEqual([
      { name: 'amd', platforms: [] },
      { name: 'arm', platforms: ['linux/arm/v7', 'linux/arm64'] },
    ]);
    expect(await registry.list()).toMatchObject([
      { url: 'http://a', pool: 'amd', platforms: [] },
      { url: 'http://b', pool: 'arm', platforms: ['linux/arm/v7', 'linux/arm64'] },
    ]);
  });

  it('stay while no worker names any replica, and otherwise go with their last replica', async () => {
    const { registry, keys } = installation();
    await registry.announce([replica('http://a', 'amd'), replica('http://b', 'arm')]);
    for (const url of ['http://a', 'http://b']) await redis.zadd(keys.replicas, Date.now() - 120_000, url);
    expect((await registry.pools()).map(({ name }) => name)).toEqual(['amd', 'arm']);
    await registry.announce([replica('http://b', 'arm')]);
    expect((await registry.pools()).map(({ name }) => name)).toEqual(['arm']);
  });

  it('are those of the last announcement, and announce returns the replicas that changed', async () => {
    const { registry } = installation();
    const before = [replica('http://a', 'amd'), replica('http://b', 'arm', 'linux/arm64')];
    expect(await registry.announce(before)).toEqual([]);
    expect(await registry.announce(before)).toEqual([]);
    const after = [replica('http://a', 'amd'), replica('http://b', 'arm', 'linux/arm/v7')];
    expect(await registry.announce(after)).toEqual([after[1]]);
    expect(await registry.announce(after)).toEqual([]);
    expect(await registry.pools()).toContainEqual({ name: 'arm', platforms: ['linux/arm/v7'] });
  });

  it('include the default pool for replicas of workers without pools', async () => {
    const { registry, keys } = installation();
    await redis.zadd(keys.replicas, Date.now(), 'http://old');
    await redis.hset(keys.replica('http://old'), 'configured', 4);
    expect(await registry.pools()).toEqual([{ name: 'default', platforms: [] }]);
    expect(await registry.announce([replica('http://old', 'default')])).toEqual([]);
  });
});
