import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { SourceOwners } from './index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const source = (digit: string, bytes: number) => ({ digest: `sha256:${digit.repeat(64)}`, bytes });

it('each tenant that sent a source owns it, and it counts once per owner', async () => {
  const keys = redisKeys(`test-${randomUUID()}`);
  const owners = () => new SourceOwners({ redis, keys });
  const [small, large] = [source('a', 10), source('b', 5_000_000_000)];
  for (const [tenant, outcome] of [
    ['one', 'new'],
    ['one', 'had'],
    ['two', 'new'],
  ] as const) {
    expect(await owners().add(tenant, small)).toEqual({ outcome });
  }
  expect(await owners().add('one', large)).toEqual({ outcome: 'new' });
  expect(await redis.get(keys.sourceBytes('one'))).toBe('5000000010');
  expect(await redis.get(keys.sourceBytes('two'))).toBe('10');
  expect([await owners().has('two', small.digest), await owners().has('two', large.digest)]).toEqual([
    true,
    false,
  ]);
  await owners().forget([small.digest, large.digest, source('c', 1).digest]);
  expect([await owners().has('one', small.digest), await owners().has('two', small.digest)]).toEqual([
    false,
    false,
  ]);
  expect([await redis.get(keys.sourceBytes('one')), await redis.get(keys.sourceBytes('two'))]).toEqual([
    '0',
    '0',
  ]);
  expect(await redis.exists(keys.sourceOwners(small.digest))).toBe(0);
});

it('a tenant stays within its limit of bytes, and keeps its sources', async () => {
  const owners = new SourceOwners({ redis, keys: redisKeys(`test-${randomUUID()}`) });
  expect(await owners.add('one', source('a', 60), { maxBytes: 100 })).toEqual({ outcome: 'new' });
  expect(await owners.add('one', source('b', 41), { maxBytes: 100 })).toEqual({ outcome: 'full', bytes: 60 });
  expect(await owners.has('one', source('b', 41).digest)).toBe(false);
  expect(await owners.add('one', source('b', 40), { maxBytes: 100 })).toEqual({ outcome: 'new' });
  expect(await owners.add('one', source('a', 60), { maxBytes: 1 })).toEqual({ outcome: 'had' });
});
