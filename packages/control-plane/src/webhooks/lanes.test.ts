import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseEvents } from '../events/index.js';
import { DeliveryStore } from './index.js';
import {
  attemptOf,
  begin,
  create,
  dueIds,
  exhausted,
  letTimePass,
  makeDue,
  newDelivery,
  newEndpoint,
  newStores,
  ok,
  retry,
  type Stores,
  toEndpointOf,
} from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const lane = 'callback:0123456789abcdef';
const some = (count: number) => Array.from({ length: count }, () => newDelivery());

/** Fails a number of deliveries one after another. */
async function fail(stores: Stores, count: number): Promise<void> {
  for (const id of await create(stores, ...some(count))) await attemptOf(stores, id, retry());
}

const openFor = async ({ keys }: Stores) =>
  Number(await redis.hget(keys.lane(lane), 'open_until')) - Date.now();

describe('a lane', () => {
  it('stays within its limit, also with concurrent senders', async () => {
    const stores = newStores(redis);
    const others = Array.from({ length: 3 }, (_each, at) =>
      connectRedis({ url: inject('redisUrl'), name: `test-${at}`, logger, cleanups, mode: 'request' }),
    ).map((connection) => ({
      ...stores,
      deliveries: new DeliveryStore({ redis: connection, keys: stores.keys }),
    }));
    const ids = await create(stores, ...some(30));
    const begun = await Promise.all(
      ids.map((id, at) => begin(others[at % 3] ?? stores, id, { maxInFlight: 4 })),
    );
    expect(begun.filter(({ outcome }) => outcome === 'begun')).toHaveLength(4);
    expect(begun.filter(({ outcome }) => outcome === 'parked')).toHaveLength(26);
    // Another lane is independent.
    const [elsewhere = ''] = await create(stores, newDelivery({ lane: 'callback:fedcba9876543210' }));
    expect(await begin(stores, elsewhere)).toMatchObject({ outcome: 'begun' });
  });

  it('of an endpoint has the limit of the endpoint from the next delivery on', async () => {
    const stores = newStores(redis);
    const endpoint = await newEndpoint(stores, { max_in_flight: 1 });
    const [a = '', b = ''] = await create(stores, toEndpointOf(endpoint), toEndpointOf(endpoint));
    expect(await begin(stores, a, { maxInFlight: 50 })).toMatchObject({ outcome: 'begun' });
    expect(await begin(stores, b, { maxInFlight: 50 })).toMatchObject({ outcome: 'parked' });
    await stores.endpoints.update('default', endpoint.id, { max_in_flight: 2 });
    expect(await begin(stores, b)).toMatchObject({ outcome: 'begun' });
    expect(await redis.exists(`${stores.keys.lane(`endpoint:${endpoint.id}`)}:parked`)).toBe(0);
  });

  it('releases the oldest parked delivery when one ends', async () => {
    const stores = newStores(redis);
    const ids = await create(stores, ...some(4));
    for (const [at, id] of ids.entries()) await redis.hset(stores.keys.delivery(id), 'created_at', at);
    const [a = '', b = '', c = '', d = ''] = ids;
    const first = await begin(stores, a, { maxInFlight: 1 });
    for (const id of [d, b, c])
      expect(await begin(stores, id, { maxInFlight: 1 })).toMatchObject({ outcome: 'parked' });
    expect(await dueIds(stores)).toEqual([]);
    await letTimePass(stores, lane);
    // The lease had expired, but its result counts while no other sender has begun the delivery.
    await stores.deliveries.end(a, first.token, ok);
    expect(await dueIds(stores)).toEqual([b]);
    const second = await begin(stores, b, { maxInFlight: 1 });
    await stores.deliveries.end(b, second.token, ok);
    expect(await dueIds(stores)).toEqual([c]);
  });

  it('reclaims an expired lease, and refuses its holder', async () => {
    const stores = newStores(redis);
    const [id = ''] = await create(stores, newDelivery());
    const lost = await begin(stores, id);
    await stores.deliveries.wakeLanes();
    expect(await dueIds(stores)).toEqual([]);
    await letTimePass(stores, lane);
    await stores.deliveries.wakeLanes();
    expect(await dueIds(stores)).toEqual([id]);
    expect(await stores.deliveries.end(id, lost.token, ok)).toMatchObject({ stale: true });
    expect(await begin(stores, id)).toMatchObject({ outcome: 'begun', attempt: 1 });
    await stores.deliveries.wakeLanes();
    expect(await dueIds(stores)).toEqual([]);
  });

  it('gives an expired lease to the next sender', async () => {
    const stores = newStores(redis);
    const [id = '', parked = ''] = await create(stores, ...some(2));
    const lost = await begin(stores, id, { maxInFlight: 1 });
    await begin(stores, parked, { maxInFlight: 1 });
    await letTimePass(stores, lane);
    const next = await begin(stores, id, { maxInFlight: 1 });
    expect(next).toMatchObject({ outcome: 'begun' });
    expect(await stores.deliveries.end(id, lost.token, ok)).toMatchObject({ stale: true });
    await stores.deliveries.end(id, next.token, ok);
    expect(await dueIds(stores)).toEqual([parked]);
  });

  it('is checked again while it has parked deliveries', async () => {
    const stores = newStores(redis);
    const [a = '', b = '', c = ''] = await create(stores, ...some(3));
    const first = await begin(stores, a, { maxInFlight: 1 });
    for (const id of [b, c]) await begin(stores, id, { maxInFlight: 1 });
    await letTimePass(stores, lane);
    await stores.deliveries.end(a, first.token, ok);
    expect(await dueIds(stores)).toHaveLength(1);
    await letTimePass(stores, lane);
    await stores.deliveries.wakeLanes();
    expect(await dueIds(stores)).toHaveLength(2);
    expect(await redis.exists(`${stores.keys.base}lanes`)).toBe(0);
  });
});

describe('the circuit of a lane', () => {
  it('opens after ten failures in a row, and parks deliveries without an attempt', async () => {
    const stores = newStores(redis);
    await fail(stores, 9);
    const [success = '', ...ids] = await create(stores, ...some(12));
    await attemptOf(stores, success, ok);
    for (const id of ids.slice(0, 9)) await attemptOf(stores, id, retry());
    expect(await redis.hexists(stores.keys.lane(lane), 'open_until')).toBe(0);
    await attemptOf(stores, ids[9] as string, retry());
    expect(await openFor(stores)).toBeGreaterThan(0);
    const last = ids[10] as string;
    expect(await begin(stores, last)).toMatchObject({ outcome: 'parked' });
    await stores.deliveries.wakeLanes();
    expect(await dueIds(stores)).toEqual([]);
    expect(await stores.deliveries.get('default', last)).toMatchObject({ state: 'pending', attempts: [] });
  });

  it('releases one probe when its time is up, and closes when the probe arrives', async () => {
    const stores = newStores(redis);
    await fail(stores, 10);
    const ids = await create(stores, ...some(5));
    for (const id of ids) await begin(stores, id);
    await letTimePass(stores, lane);
    await stores.deliveries.wakeLanes();
    const [probe = '', ...none] = await dueIds(stores);
    expect(none).toEqual([]);
    const begun = await begin(stores, probe);
    expect(begun).toMatchObject({ outcome: 'begun', attempt: 1 });
    const second = ids.find((id) => id !== probe) as string;
    expect(await begin(stores, second)).toMatchObject({ outcome: 'parked' });
    await letTimePass(stores, lane);
    // The circuit is closed, so the lane fills up: it takes two.
    await stores.deliveries.end(probe, begun.token, ok);
    expect(await dueIds(stores)).toHaveLength(2);
    expect(await redis.hexists(stores.keys.lane(lane), 'open_until')).toBe(0);
  });

  it('opens again at once when a probe fails, twice as long each time, and at most five minutes', async () => {
    const stores = newStores(redis);
    await fail(stores, 10);
    const seconds: number[] = [];
    for (let time = 0; time < 7; time++) {
      seconds.push(Math.ceil((await openFor(stores)) / 10_000) * 10);
      await letTimePass(stores, lane);
      await fail(stores, 1);
    }
    // The value is at most ten seconds too high, and never too low.
    expect(seconds).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });

  it('does not stay open longer because of attempts that were in flight when it opened', async () => {
    const stores = newStores(redis);
    const [early = ''] = await create(stores, newDelivery());
    const begun = await begin(stores, early);
    await fail(stores, 10);
    const until = await redis.hget(stores.keys.lane(lane), 'open_until');
    await stores.deliveries.end(early, begun.token, retry());
    expect(await redis.hget(stores.keys.lane(lane), 'open_until')).toBe(until);
  });

  it('of one endpoint does not affect others, is shown, and closes when the endpoint is enabled', async () => {
    const stores = newStores(redis);
    const { endpoints } = stores;
    const endpoint = await newEndpoint(stores);
    const ids = await create(stores, ...Array.from({ length: 11 }, () => toEndpointOf(endpoint)));
    for (const id of ids.slice(0, 10)) await attemptOf(stores, id, retry());
    const parked = ids[10] as string;
    expect(await begin(stores, parked)).toMatchObject({ outcome: 'parked' });
    expect(await endpoints.circuitOpenUntil(endpoint.id)).toBeGreaterThan(Date.now());
    const other = await newEndpoint(stores);
    const [elsewhere = ''] = await create(stores, toEndpointOf(other));
    expect(await begin(stores, elsewhere)).toMatchObject({ outcome: 'begun' });
    expect(await endpoints.circuitOpenUntil(other.id)).toBeUndefined();

    await endpoints.update('default', endpoint.id, { enabled: true });
    expect(await endpoints.circuitOpenUntil(endpoint.id)).toBeUndefined();
    await stores.deliveries.wakeLanes();
    expect(await dueIds(stores)).toContain(parked);
  });
});

describe('the health of an endpoint', () => {
  const disabledEvents = async ({ keys }: Stores) =>
    parseEvents(await redis.xrange(keys.events, '-', '+')).filter(({ kind }) => kind === 'webhook');
  const day = 24 * 3600 * 1_000;

  it('is failing from the first failure until a delivery arrives', async () => {
    const stores = newStores(redis);
    const endpoint = await newEndpoint(stores);
    const [a = '', b = ''] = await create(stores, toEndpointOf(endpoint), toEndpointOf(endpoint));
    await attemptOf(stores, a, retry());
    const since = (await stores.endpoints.get('default', endpoint.id))?.failingSince;
    expect(since).toBeGreaterThan(0);
    await makeDue(stores, a);
    await attemptOf(stores, a, retry());
    expect(await stores.endpoints.get('default', endpoint.id)).toMatchObject({ failingSince: since });
    await attemptOf(stores, b, ok);
    expect(await stores.endpoints.get('default', endpoint.id)).toMatchObject({ failingSince: undefined });
  });

  it('switches the endpoint off after five days of failures, with one event in the stream', async () => {
    const stores = newStores(redis);
    const endpoint = await newEndpoint(stores);
    const [a = '', b = '', c = ''] = await create(
      stores,
      ...Array.from({ length: 3 }, () => toEndpointOf(endpoint)),
    );
    await attemptOf(stores, a, retry());
    const key = stores.keys.webhook(endpoint.id);
    await redis.hset(key, 'failing_since', Date.now() - 5 * day + 60_000);
    expect((await attemptOf(stores, b, retry())).disabled).toBeUndefined();
    await redis.hset(key, 'failing_since', Date.now() - 5 * day - 60_000);
    const before = await stores.endpoints.active();
    const late = await begin(stores, c);
    await makeDue(stores, a);
    expect((await attemptOf(stores, a, retry())).disabled).toBe('failing');
    expect((await stores.deliveries.end(c, late.token, retry())).disabled).toBeUndefined();

    const record = await stores.endpoints.get('default', endpoint.id);
    expect(record).toMatchObject({ enabled: false, disabled: { reason: 'failing' } });
    expect(await disabledEvents(stores)).toMatchObject([
      { endpointId: endpoint.id, tenant: 'default', reason: 'failing', at: record?.disabled?.at },
    ]);
    // New deliveries are still recorded, so that they can be recovered.
    const after = await stores.endpoints.active();
    expect(after).not.toBe(before);
    expect(after).toMatchObject([{ id: endpoint.id, enabled: false }]);
    expect(await stores.deliveries.get('default', a)).toMatchObject({
      state: 'canceled',
      reason: 'webhook_disabled',
    });

    expect(await stores.endpoints.update('default', endpoint.id, { enabled: true })).toMatchObject({
      enabled: true,
      disabled: undefined,
      failingSince: undefined,
    });
  });

  it('switches the endpoint off when a hundred deliveries in a row have failed', async () => {
    const stores = newStores(redis);
    const endpoint = await newEndpoint(stores, { max_in_flight: 50 });
    const giveUp = async (count: number) => {
      const ids = await create(stores, ...Array.from({ length: count }, () => toEndpointOf(endpoint)));
      const disabled: (string | undefined)[] = [];
      for (const id of ids) {
        await letTimePass(stores, `endpoint:${endpoint.id}`);
        disabled.push((await attemptOf(stores, id, exhausted)).disabled);
      }
      return disabled.filter((reason) => reason !== undefined);
    };
    expect(await giveUp(99)).toEqual([]);
    const [arrives = ''] = await create(stores, toEndpointOf(endpoint));
    await letTimePass(stores, `endpoint:${endpoint.id}`);
    await attemptOf(stores, arrives, ok);
    expect(await giveUp(99)).toEqual([]);
    expect(await giveUp(1)).toEqual(['failed_in_a_row']);
    expect(await disabledEvents(stores)).toMatchObject([{ reason: 'failed_in_a_row' }]);
  });

  it('switches the endpoint off at once when the receiver is gone', async () => {
    const stores = newStores(redis);
    const endpoint = await newEndpoint(stores);
    const [id = ''] = await create(stores, toEndpointOf(endpoint));
    const verdict = { kind: 'failed', reason: 'gone' } as const;
    expect((await attemptOf(stores, id, { ...exhausted, verdict, disable: 'gone' })).disabled).toBe('gone');
    expect(await disabledEvents(stores)).toMatchObject([{ reason: 'gone' }]);
    expect(await stores.deliveries.get('default', id)).toMatchObject({ state: 'failed', reason: 'gone' });
  });

  it('does not exist for a callback: nothing is switched off', async () => {
    const stores = newStores(redis);
    const [id = ''] = await create(stores, newDelivery());
    const verdict = { kind: 'failed', reason: 'gone' } as const;
    expect(
      (await attemptOf(stores, id, { ...exhausted, verdict, disable: 'gone' })).disabled,
    ).toBeUndefined();
    expect(await disabledEvents(stores)).toEqual([]);
  });
});
