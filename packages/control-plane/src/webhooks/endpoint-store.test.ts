import { endpointSchema } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import type { SealingKey } from '@slipway/shared/signing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type EndpointRecord, EndpointStore, toEndpoint } from './index.js';
import { endpointRequest, newEndpoint, newStores } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const hour = 3600 * 1_000;

describe('an endpoint', () => {
  it('is refused beyond the limit of its tenant, also for concurrent requests', async () => {
    const { endpoints } = newStores(redis);
    const made = await Promise.allSettled(
      Array.from({ length: 110 }, () => endpoints.create('default', endpointRequest())),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    await expect(endpoints.create('default', endpointRequest())).rejects.toMatchObject({
      code: 'webhook_limit',
    });
    await endpoints.create('other', endpointRequest());
  });

  it('is created, read, listed, changed and removed', async () => {
    const { endpoints } = newStores(redis);
    const request = endpointRequest({ labels: { team: 'a' }, events: ['job.failed'], description: 'CI' });
    const { endpoint, secret } = await endpoints.create('default', request);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(endpointSchema.parse(toEndpoint(endpoint, { now: Date.now() }))).toMatchObject({
      ...request,
      id: endpoint.id,
    });
    expect(await endpoints.get('default', endpoint.id)).toEqual(endpoint);

    const { endpoint: second } = await endpoints.create('default', endpointRequest());
    expect(await endpoints.list('default', { limit: 1 })).toEqual([endpoint]);
    expect(await endpoints.list('default', { limit: 5, after: endpoint.id })).toEqual([second]);

    const format = { type: 'gitlab_commit_status', token: 'ci' } as const;
    const changed = await endpoints.update('default', endpoint.id, { format, max_in_flight: 3 });
    expect(changed).toMatchObject({ format, max_in_flight: 3, labels: { team: 'a' }, enabled: true });

    expect(await endpoints.remove('default', endpoint.id)).toBe(true);
    expect(await endpoints.remove('default', endpoint.id)).toBe(false);
    expect(await endpoints.get('default', endpoint.id)).toBeUndefined();
    expect(await endpoints.update('default', endpoint.id, { description: '' })).toBeUndefined();
    expect(await endpoints.rotate('default', endpoint.id)).toBeUndefined();
    expect(await endpoints.list('default', { limit: 5 })).toEqual([second]);
  });

  it('gets ten messages at once, and commit statuses one after another, unless configured', async () => {
    const stores = newStores(redis);
    const format = { type: 'github_commit_status', token: 'ci' } as const;
    expect((await newEndpoint(stores)).max_in_flight).toBe(10);
    expect((await newEndpoint(stores, { format })).max_in_flight).toBe(1);
    expect((await newEndpoint(stores, { format, max_in_flight: 2 })).max_in_flight).toBe(2);
  });

  it('does not exist for another tenant', async () => {
    const stores = newStores(redis);
    const { endpoints } = stores;
    const { id } = await newEndpoint(stores);
    expect(await endpoints.get('other', id)).toBeUndefined();
    expect(await endpoints.update('other', id, { enabled: false })).toBeUndefined();
    expect(await endpoints.rotate('other', id)).toBeUndefined();
    expect(await endpoints.remove('other', id)).toBe(false);
    expect(await endpoints.list('other', { limit: 5 })).toEqual([]);
    expect(await endpoints.get('default', id)).toMatchObject({ enabled: true, rotatingUntil: undefined });
  });

  it('accepts any tenant name literally', async () => {
    const stores = newStores(redis);
    for (const tenant of ['version', 'all', 'stopping']) {
      await stores.endpoints.create(tenant, endpointRequest());
      expect(await stores.endpoints.list(tenant, { limit: 5 })).toHaveLength(1);
    }
    expect(await stores.endpoints.active()).toHaveLength(3);
  });

  it('has its secrets in no key of Redis in clear text', async () => {
    const { endpoints, keys } = newStores(redis);
    const given = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const { endpoint, secret } = await endpoints.create('default', endpointRequest({ secret: given }));
    expect(secret).toBe(given);
    const rotated = await endpoints.rotate('default', endpoint.id);
    if (!rotated) throw new Error('the endpoint is gone');
    const stored = JSON.stringify(await redis.hgetall(keys.webhook(endpoint.id)));
    expect(stored).toContain('previous_sealed_secret');
    for (const clear of [given, rotated.secret]) expect(stored).not.toContain(clear.slice('whsec_'.length));
    expect(JSON.stringify(endpoints.secrets(rotated.endpoint))).toBe('["[redacted]","[redacted]"]');
    expect(JSON.stringify(toEndpoint(rotated.endpoint, { now: Date.now() }))).not.toMatch(/secret/i);
  });

  it('signs with the previous secret for 24 hours after a rotation, and with no older one', async () => {
    let now = Date.parse('2030-01-01T00:00:00Z');
    const { endpoints } = newStores(redis, { now: () => now });
    const revealed = async (id: string) => {
      const record = await endpoints.get('default', id);
      return record && endpoints.secrets(record).map((secret) => secret.reveal());
    };
    const { endpoint, secret: first } = await endpoints.create('default', endpointRequest());
    const { id } = endpoint;
    expect(await revealed(id)).toEqual([first]);
    const second = await endpoints.rotate('default', id);
    expect(second?.endpoint.rotatingUntil).toBe(now + 24 * hour);
    now += 24 * hour - 1;
    expect(await revealed(id)).toEqual([second?.secret, first]);
    const third = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
    expect((await endpoints.rotate('default', id, third))?.secret).toBe(third);
    expect(await revealed(id)).toEqual([third, second?.secret]);
    now += 24 * hour;
    expect(await revealed(id)).toEqual([third]);
  });

  it('shows no expired times', async () => {
    const stores = newStores(redis);
    const { id } = await newEndpoint(stores);
    const rotated = await stores.endpoints.rotate('default', id);
    if (!rotated?.endpoint.rotatingUntil) throw new Error('it does not rotate');
    const { endpoint } = rotated;
    const circuitOpenUntil = Date.now() + hour;
    expect(toEndpoint(endpoint, { circuitOpenUntil, now: Date.now() })).toMatchObject({
      circuit_open_until: new Date(circuitOpenUntil).toISOString(),
      rotating_until: expect.any(String),
    });
    const later = toEndpoint(endpoint, { circuitOpenUntil, now: Date.now() + 25 * hour });
    expect(later).not.toHaveProperty('circuit_open_until');
    expect(later).not.toHaveProperty('rotating_until');
  });
});

describe('the secrets of endpoints while the payload secret is replaced', () => {
  it('are sealed again, the previous secret too, without overwriting a rotation meanwhile', async () => {
    const stores = newStores(redis);
    const { keys } = stores;
    const [before, current] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const storeOf = (sealingKey: SealingKey) => new EndpointStore({ redis, keys, sealingKey });
    const [old, replacing, renewed] = [storeOf(before), storeOf([current, before]), storeOf(current)];
    const made = await old.create('default', endpointRequest());
    const rotated = await old.rotate('default', made.endpoint.id);
    const single = await old.create('other', endpointRequest());
    const read = async (store: EndpointStore, { tenant, id }: EndpointRecord) =>
      store.secrets((await store.get(tenant, id)) as EndpointRecord).map((secret) => secret.reveal());
    const wanted = [rotated?.secret, made.secret];
    await expect(read(renewed, made.endpoint)).rejects.toThrow();
    expect(await read(replacing, made.endpoint)).toEqual(wanted);
    expect(await renewed.reseal()).toEqual({ resealed: 0, unreadable: 3 });
    // Two runs at once reseal each secret once.
    const done = await Promise.all([replacing.reseal(), replacing.reseal()]);
    expect(done.reduce((sum, { resealed }) => sum + resealed, 0)).toBe(3);
    expect(await read(renewed, made.endpoint)).toEqual(wanted);
    expect(await read(renewed, single.endpoint)).toEqual([single.secret]);
    await expect(read(old, single.endpoint)).rejects.toThrow();
    expect(await replacing.reseal()).toEqual({ resealed: 0, unreadable: 0 });
  });
});

describe('the endpoints that get messages', () => {
  it('are those of all tenants that are enabled or that Slipway switched off, after every change', async () => {
    const stores = newStores(redis);
    // Another process, with its own cache.
    const reader = new EndpointStore({ redis, keys: stores.keys, sealingKey: Buffer.alloc(32) });
    const ids = async () => (await reader.active()).map(({ id }) => id);
    expect(await ids()).toEqual([]);
    const a = await newEndpoint(stores);
    const { endpoint: b } = await stores.endpoints.create('other', endpointRequest());
    expect(await ids()).toEqual([a.id, b.id]);
    await stores.endpoints.update('other', b.id, { enabled: false });
    expect(await ids()).toEqual([a.id]);
    await redis.hset(stores.keys.webhook(b.id), 'disabled_reason', 'gone', 'disabled_at', '1');
    await redis.incr(stores.keys.webhooksVersion);
    expect(await ids()).toEqual([a.id, b.id]);
    await stores.endpoints.update('default', a.id, { url: 'https://new.example/' });
    expect((await reader.active())[0]?.url).toBe('https://new.example/');
    await stores.endpoints.remove('default', a.id);
    expect(await ids()).toEqual([b.id]);
  });

  it('are read again only after a change', async () => {
    const stores = newStores(redis);
    await newEndpoint(stores);
    const before = await stores.endpoints.active();
    expect(await stores.endpoints.active()).toBe(before);
    await newEndpoint(stores);
    expect(await stores.endpoints.active()).not.toBe(before);
  });
});
