import { randomUUID } from 'node:crypto';
import { tenantSettingsSchema } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  mayPushTo,
  PayloadSecretStore,
  TenantStore,
  TokenStore,
  tokenHash,
  toPayloadSecret,
  toToken,
} from './index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const newKeys = () => redisKeys(`test-${randomUUID()}`);

/** Returns everything that Redis holds of an installation, as text. */
async function everything(base: string): Promise<string> {
  const found = await redis.keys(`${base.replaceAll('{', '\\{')}*`);
  const dumps = await Promise.all(
    found.map(async (key) => {
      const type = await redis.type(key);
      if (type === 'hash') return JSON.stringify(await redis.hgetall(key));
      if (type === 'zset') return JSON.stringify(await redis.zrange(key, '0', '-1'));
      return (await redis.get(key)) ?? '';
    }),
  );
  return [...found, ...dumps].join('\n');
}

describe('the tenants', () => {
  it('have the settings of the last put; the default tenant always exists', async () => {
    const store = new TenantStore({ redis, keys: newKeys() });
    expect(await store.get('team')).toBeUndefined();
    expect((await store.get('default'))?.settings).toMatchObject({ weight: 1, images: ['*'] });
    const settings = tenantSettingsSchema.parse({ images: ['r.example/team/'], limits: { running_jobs: 3 } });
    expect(await store.put('team', settings)).toBe(true);
    expect(await store.put('team', { ...settings, limits: {} }, 'file')).toBe(false);
    expect(await store.get('team')).toMatchObject({ settings: { limits: {} }, managedBy: 'file' });
    expect((await store.list({ limit: 10 })).map(({ name }) => name)).toEqual(['team']);
    expect([await store.remove('team'), await store.remove('team')]).toEqual([true, false]);
  });

  it.each([
    [['*'], 'anything/at:all', true],
    [['r.example/team/'], 'r.example/team/app:1', true],
    [['r.example/team/'], 'r.example/team/deep/app', true],
    [['r.example/team/'], 'R.example/team/app', true],
    [['r.example/team/'], 'r.example/team', false],
    [['r.example/team/'], 'r.example/teams/app', false],
    [['r.example/team'], 'r.example/team/app', false],
    [['r.example/team/app'], 'r.example/team/app:2', true],
    [['r.example/team/app'], 'r.example/team/apps', false],
    [['r.example:5000/'], 'r.example:5000/x', true],
    [['r.example/'], 'r.example:5000/x', false],
    [['r.example/'], 'r.example.evil/x', false],
    [['team/'], 'team/app', true],
    [['team/'], 'docker.io/team/app', true],
    [['docker.io/team/'], 'team/app', true],
    [['team/'], 'r.example/team/app', false],
    [['ubuntu'], 'docker.io/library/ubuntu:24.04', true],
    [[], 'r.example/x', false],
    [['*'], 'Not An Image', false],
  ])('that may push to %j: %s is %s', (prefixes, image, expected) => {
    expect(mayPushTo(prefixes, image)).toBe(expected);
  });
});

describe('the tokens', () => {
  const token = { tenant: 'team', description: 'CI', scopes: ['jobs:read' as const], expiresAt: undefined };

  it('are found by their text, which is stored nowhere, until they are revoked', async () => {
    const keys = newKeys();
    const store = new TokenStore({ redis, keys });
    const { record, text } = await store.create(token);
    expect(text).toMatch(/^slp_[A-Za-z0-9_-]{43}$/);
    expect(await store.find(text)).toEqual(record);
    expect(await store.find(`${text}x`)).toBeUndefined();
    expect(await everything(keys.base)).not.toContain(text);
    expect(JSON.stringify(toToken(record))).not.toContain(tokenHash(text));
    expect([await store.revoke(record.id), await store.revoke(record.id)]).toEqual([true, false]);
    expect(await store.find(text)).toBeUndefined();
    expect(await store.list('team', { limit: 10 })).toEqual([]);
  });

  it('record their last use, which does not restore a revoked token', async () => {
    const store = new TokenStore({ redis, keys: newKeys() });
    const { record } = await store.create(token);
    await store.used(record.id);
    expect((await store.get(record.id))?.lastUsedAt).toBeGreaterThanOrEqual(record.createdAt);
    await store.revoke(record.id);
    await store.used(record.id);
    expect(await store.get(record.id)).toBeUndefined();
  });

  it('with one hash are one token, which moves to the last tenant', async () => {
    const store = new TokenStore({ redis, keys: newKeys() });
    const hash = tokenHash('chosen elsewhere');
    const first = await store.add({ ...token, hash, managedBy: 'file' });
    const second = await store.add({ ...token, tenant: 'other', hash, managedBy: 'file' });
    expect(second.id).toBe(first.id);
    expect(await store.find('chosen elsewhere')).toMatchObject({ tenant: 'other' });
    expect(await store.list('team', { limit: 10 })).toEqual([]);
    expect((await store.list('other', { limit: 10 })).map(({ id }) => id)).toEqual([first.id]);
  });
});

describe('payload secrets', () => {
  it('are sealed again while the payload secret of the installation is replaced', async () => {
    const keys = newKeys();
    const [before, current] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const stores = [before, current, [current, before] as const, Buffer.alloc(32, 3)].map(
      (sealingKey) => new PayloadSecretStore({ redis, keys, sealingKey }),
    );
    const [old, renewed, replacing, stranger] = stores as [PayloadSecretStore, ...PayloadSecretStore[]];
    const made = await old.create('team');
    const usable = async (store = old) => (await store.list()).map(({ secret }) => secret?.reveal());
    expect(await usable(renewed)).toEqual([undefined]);
    expect(await usable(replacing)).toEqual([made.secret.reveal()]);
    expect(await stranger?.reseal()).toEqual({ resealed: 0, unreadable: 1 });
    expect(await replacing?.reseal()).toEqual({ resealed: 1, unreadable: 0 });
    expect(await replacing?.reseal()).toEqual({ resealed: 0, unreadable: 0 });
    expect(await usable(renewed)).toEqual([made.secret.reveal()]);
    expect(await usable(old)).toEqual([undefined]);
    expect(await renewed?.list()).toMatchObject([{ id: made.id, tenant: 'team', createdAt: made.createdAt }]);
  });

  it('belong to tenants, are sealed, and are limited in number', async () => {
    const keys = newKeys();
    const store = new PayloadSecretStore({ redis, keys, sealingKey: Buffer.alloc(32, 1) });
    const made = await store.create('team');
    const given = await store.create('other', { text: 'chosen', managedBy: 'file' });
    expect((await store.list('team')).map(({ secret }) => secret?.reveal())).toEqual([made.secret.reveal()]);
    const other = new PayloadSecretStore({ redis, keys, sealingKey: Buffer.alloc(32, 2) });
    expect((await other.list()).map((record) => toPayloadSecret(record).usable)).toEqual([false, false]);
    expect((await store.list()).map(({ id }) => id)).toEqual([made.id, given.id]);
    const stored = await everything(keys.base);
    expect(stored).not.toContain(made.secret.reveal());
    expect(stored).not.toContain('chosen');
    expect([await store.remove('team', given.id), await store.remove('other', given.id)]).toEqual([
      false,
      true,
    ]);
    // One is there. Concurrent requests get no more than the limit.
    const several = await Promise.allSettled(Array.from({ length: 40 }, () => store.create('team')));
    expect(several.filter(({ status }) => status === 'fulfilled')).toHaveLength(31);
    await expect(store.create('team')).rejects.toMatchObject({ code: 'payload_secret_limit' });
  });
});
