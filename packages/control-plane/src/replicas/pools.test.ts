import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Keys, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { PoolRegistry } from './pools.js';
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
  return { keys, registry: new ReplicaRegistry({ redis, keys }), pools: new PoolRegistry({ redis, keys }) };
};
const replica = (url: string, pool: string, ...platforms: string[]) => ({
  url,
  max: undefined,
  pool,
  platforms,
});

describe('pools of replicas', () => {
  it('are those of the announced replicas', async () => {
    const { registry, pools } = installation();
    expect(await pools.list()).toEqual([]);
    await registry.announce([
      replica('http://b', 'arm', 'linux/arm/v7', 'linux/arm64'),
      replica('http://a', 'amd'),
    ]);
    expect(await pools.list()).toEqual([
      { name: 'amd', platforms: [] },
      { name: 'arm', platforms: ['linux/arm/v7', 'linux/arm64'] },
    ]);
    expect(await registry.list()).toMatchObject([
      { url: 'http://a', pool: 'amd', platforms: [] },
      { url: 'http://b', pool: 'arm', platforms: ['linux/arm/v7', 'linux/arm64'] },
    ]);
  });

  it('stay while no worker names any replica, and otherwise go with their last replica', async () => {
    const { registry, pools, keys } = installation();
    await registry.announce([replica('http://a', 'amd'), replica('http://b', 'arm')]);
    for (const url of ['http://a', 'http://b']) await redis.zadd(keys.replicas, Date.now() - 120_000, url);
    expect((await pools.list()).map(({ name }) => name)).toEqual(['amd', 'arm']);
    await registry.announce([replica('http://b', 'arm')]);
    expect((await pools.list()).map(({ name }) => name)).toEqual(['arm']);
  });

  it('are those of the last announcement, and announce returns the replicas that changed', async () => {
    const { registry, pools } = installation();
    const before = [replica('http://a', 'amd'), replica('http://b', 'arm', 'linux/arm64')];
    expect(await registry.announce(before)).toEqual([]);
    expect(await registry.announce(before)).toEqual([]);
    const after = [replica('http://a', 'amd'), replica('http://b', 'arm', 'linux/arm/v7')];
    expect(await registry.announce(after)).toEqual([after[1]]);
    expect(await registry.announce(after)).toEqual([]);
    expect(await pools.list()).toContainEqual({ name: 'arm', platforms: ['linux/arm/v7'] });
  });

  it('include the default pool for replicas of workers without pools', async () => {
    const { registry, pools, keys } = installation();
    await redis.zadd(keys.replicas, Date.now(), 'http://old');
    await redis.hset(keys.replica('http://old'), 'configured', 4);
    expect(await pools.list()).toEqual([{ name: 'default', platforms: [] }]);
    expect(await registry.announce([replica('http://old', 'default')])).toEqual([]);
  });
});

describe('declared pools', () => {
  const arm = { name: 'arm', platforms: ['linux/arm64'], slots: 4, drainMs: 60_000 };
  const gpu = { name: 'gpu', platforms: [], slots: undefined, drainMs: 300_000 };
  /** Moves the last declaration of a pool into the past. */
  const age = (keys: Keys, name: string) => redis.zadd(keys.pools, Date.now() - 120_000, name);

  it('exist without replicas, with their settings, beside those of replicas', async () => {
    const { registry, pools } = installation();
    await pools.declare([gpu, arm]);
    await registry.announce([replica('http://a', 'amd'), replica('http://b', 'arm', 'linux/arm64')]);
    expect(await pools.list()).toEqual([{ name: 'amd', platforms: [] }, arm, gpu]);
  });

  it('disappear when no worker declares them and they have no jobs', async () => {
    const { pools, keys } = installation();
    await pools.declare([arm, gpu]);
    await redis.zadd(keys.index('pool:gpu:queued'), 0, 'job_1');
    for (const { name } of [arm, gpu]) await age(keys, name);
    const amd = { ...arm, name: 'amd' };
    await pools.declare([amd]);
    expect(await pools.list()).toEqual([amd, gpu]);
    expect(await redis.exists(keys.pool('arm'))).toBe(0);
    await redis.zrem(keys.index('pool:gpu:queued'), 'job_1');
    await pools.declare([amd]);
    expect(await pools.list()).toEqual([amd]);
  });

  it('stay while a job of them runs', async () => {
    const { pools, keys } = installation();
    await pools.declare([arm]);
    await redis.zadd(keys.index('pool:arm:running'), 0, 'job_1');
    await age(keys, 'arm');
    await pools.declare([]);
    expect(await pools.list()).toEqual([arm]);
  });

  it('stay while no worker runs', async () => {
    const { pools, keys } = installation();
    await pools.declare([arm]);
    await age(keys, 'arm');
    expect(await pools.list()).toEqual([arm]);
  });

  it('are those of the last declaration, and declare returns the pools whose platforms changed', async () => {
    const { pools } = installation();
    expect(await pools.declare([arm, gpu])).toEqual([]);
    expect(await pools.declare([arm, gpu])).toEqual([]);
    const other = { ...arm, platforms: ['linux/arm/v7'], slots: 2 };
    expect(await pools.declare([other])).toEqual(['arm']);
    expect(await pools.list()).toEqual([other, gpu]);
  });
});
