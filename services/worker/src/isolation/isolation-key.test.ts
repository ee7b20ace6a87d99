import { randomUUID } from 'node:crypto';
import { cacheNamespaceArg, sandboxHostnameArg } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import type { SealingKey } from '@slipway/shared/signing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { IsolationKey } from './isolation-key.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const [old, current, stranger] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer];

/** An installation, and workers of it. */
function installation() {
  const keys = redisKeys(`isolation-test-${randomUUID()}`);
  const start = (sealingKey: SealingKey) => new IsolationKey({ redis, keys, sealingKey, logger });
  return { keys, start };
}

const hostname = async (worker: IsolationKey, tenant: string) =>
  (await worker.argumentsOf(tenant, {}))[sandboxHostnameArg];

it('gives each tenant a host name of its own, the same from all workers, however many start at once', async () => {
  const { start, keys } = installation();
  const workers = Array.from({ length: 20 }, () => start(current));
  const all = await Promise.all(workers.map((worker) => hostname(worker, 'team')));
  expect(new Set(all).size).toBe(1);
  const others = await Promise.all(['default', 'team2'].map((tenant) => hostname(start(current), tenant)));
  const names = [all[0], ...others];
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toMatch(/^[0-9a-f]{32}$/);
  expect(await hostname(installation().start(current), 'team')).not.toBe(all[0]);
  expect(await redis.hlen(keys.isolation)).toBe(1);
});

it('takes what a job says of it away, in any case of its letters, and keeps the rest', async () => {
  const worker = installation().start(current);
  const given = {
    A: '1',
    http_proxy: 'http://proxy.example',
    [sandboxHostnameArg]: 'chosen',
    buildkit_sandbox_hostname: 'chosen',
    [cacheNamespaceArg]: 'chosen',
    Buildkit_Cache_Mount_Ns: 'chosen',
  };
  expect(await worker.argumentsOf('team', given)).toEqual({
    A: '1',
    http_proxy: 'http://proxy.example',
    [cacheNamespaceArg]: 'team',
    [sandboxHostnameArg]: await hostname(worker, 'team'),
  });
  expect(await worker.argumentsOf('default', given)).toEqual({
    A: '1',
    http_proxy: 'http://proxy.example',
    [sandboxHostnameArg]: await hostname(worker, 'default'),
  });
});

it('stays the same while the payload secret is replaced, and lies in Redis sealed', async () => {
  const { start, keys } = installation();
  expect(await start([old, current]).reseal()).toEqual({ resealed: 0, unreadable: 0 });
  const before = await hostname(start([old, current]), 'team');
  expect(await hostname(start([current, old]), 'team')).toBe(before);
  expect(await start([current, old]).reseal()).toEqual({ resealed: 1, unreadable: 0 });
  expect(await start([current, old]).reseal()).toEqual({ resealed: 0, unreadable: 0 });
  expect(await hostname(start(current), 'team')).toBe(before);
  expect(await start(old).reseal()).toEqual({ resealed: 0, unreadable: 1 });
  // A nonce, 44 characters and a tag.
  const [sealed = ''] = Object.values(await redis.hgetall(keys.isolation));
  expect(Buffer.from(sealed, 'base64')).toHaveLength(12 + 44 + 16);
});

it('is not replaced where it cannot be opened: an error names it until it can be, or is deleted', async () => {
  const { start, keys } = installation();
  const before = await hostname(start(old), 'team');
  const worker = start(stranger);
  const unreadable = { code: 'isolation_key_unreadable', message: expect.stringContaining(keys.isolation) };
  await expect(worker.check()).rejects.toMatchObject(unreadable);
  await expect(hostname(worker, 'team')).rejects.toMatchObject(unreadable);
  expect(await hostname(start(old), 'team')).toBe(before);
  await redis.del(keys.isolation);
  await worker.check();
  expect(await hostname(worker, 'team')).not.toBe(before);
});
