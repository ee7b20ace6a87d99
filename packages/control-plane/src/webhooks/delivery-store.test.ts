import { deliverySchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { accountFaults } from '../stored/testing.js';
import { DeliveryStore, type NewDelivery, toDelivery } from './index.js';
import {
  attemptOf,
  begin,
  create,
  dueIds,
  exhausted,
  makeDue,
  newDelivery,
  newEndpoint,
  newStores,
  ok,
  retry,
  toEndpointOf,
} from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

describe('a delivery', () => {
  it('goes from pending to delivered, and records every attempt', async () => {
    const stores = newStores(redis);
    const job = newId('job');
    const delivery = newDelivery({ job, sealedSecret: 'sealed', sealedFor: job });
    const [id = ''] = await create(stores, delivery);
    const first = await begin(stores, id);
    expect(first).toMatchObject({ outcome: 'begun', attempt: 1, record: { ...delivery, state: 'pending' } });
    const failure = retry();
    expect(await stores.deliveries.end(id, first.token, failure)).toEqual({
      stale: false,
      disabled: undefined,
    });
    expect((await stores.deliveries.get('default', id))?.dueAt).toBe(failure.verdict.at);
    await makeDue(stores, id);
    await attemptOf(stores, id, ok);
    const record = await stores.deliveries.get('default', id);
    const view = record && deliverySchema.parse(toDelivery(record));
    expect(view).toMatchObject({
      id,
      state: 'delivered',
      job,
      message_id: delivery.messageId,
      request: delivery.body,
      attempts: [
        { number: 1, status: 500, response: 'no', duration_ms: 12 },
        { number: 2, status: 204 },
      ],
    });
    expect(view).not.toHaveProperty('next_attempt_at');
    expect(JSON.stringify(view)).not.toContain('sealed');
    expect(await begin(stores, id)).toMatchObject({ outcome: 'ended' });
    expect(await redis.zcard(stores.keys.dueDeliveries)).toBe(0);
  });

  it('is created once, and a second create changes nothing', async () => {
    const stores = newStores(redis);
    const delivery = newDelivery();
    await stores.deliveries.create([delivery, newDelivery(), delivery]);
    await attemptOf(stores, delivery.id, ok);
    await stores.deliveries.create([{ ...delivery, body: '{}' }]);
    const record = await stores.deliveries.get('default', delivery.id);
    expect(record).toMatchObject({ state: 'delivered', body: delivery.body });
    expect(await redis.zcard(stores.keys.deliveries('tenant:default'))).toBe(2);
  });

  it('does not exist for another tenant', async () => {
    const stores = newStores(redis);
    const [id = ''] = await create(stores, newDelivery());
    expect(await stores.deliveries.get('other', id)).toBeUndefined();
    expect(await stores.deliveries.redeliver('other', id)).toBeUndefined();
    expect(await redis.zcard(stores.keys.deliveries('state:pending'))).toBe(1);
    expect((await stores.deliveries.list({ tenant: 'other', limit: 5 })).records).toEqual([]);
    expect(await begin(stores, 'dlv_unknown')).toMatchObject({ outcome: 'missing' });
  });

  it('is ended only by the holder of its token', async () => {
    const stores = newStores(redis);
    const [id = ''] = await create(stores, newDelivery());
    const { token } = await begin(stores, id);
    expect(await stores.deliveries.end(id, 'made up', ok)).toMatchObject({ stale: true });
    expect(await begin(stores, id)).toMatchObject({ outcome: 'later' });
    expect(await stores.deliveries.end(id, token, ok)).toMatchObject({ stale: false });
    expect(await stores.deliveries.end(id, token, exhausted)).toMatchObject({ stale: true });
    expect(await stores.deliveries.get('default', id)).toMatchObject({ state: 'delivered', attempts: [{}] });
  });

  it('can be canceled without an attempt, which does not change the health of its endpoint', async () => {
    const stores = newStores(redis);
    const endpoint = await newEndpoint(stores);
    const [id = ''] = await create(stores, toEndpointOf(endpoint));
    await attemptOf(stores, id, { verdict: { kind: 'canceled', reason: 'stale' } });
    expect(await stores.deliveries.get('default', id)).toMatchObject({
      state: 'canceled',
      reason: 'stale',
      attempts: [],
    });
    expect(await stores.endpoints.get('default', endpoint.id)).toMatchObject({ failingSince: undefined });
  });

  it('is not begun before its time', async () => {
    const stores = newStores(redis);
    const [id = ''] = await create(stores, newDelivery());
    const failure = retry();
    await attemptOf(stores, id, failure);
    expect(await begin(stores, id)).toMatchObject({ outcome: 'later' });
  });

  it('goes to the current URL of its endpoint', async () => {
    const stores = newStores(redis);
    const endpoint = await newEndpoint(stores);
    const [id = ''] = await create(stores, toEndpointOf(endpoint));
    await stores.endpoints.update('default', endpoint.id, { url: 'https://new.example/hook' });
    expect(await begin(stores, id)).toMatchObject({ record: { url: 'https://new.example/hook' } });
  });
});

describe('a due delivery', () => {
  it('is claimed once, and again only when no worker began it', async () => {
    const stores = newStores(redis);
    const { deliveries } = stores;
    const [a = '', b = ''] = await create(stores, newDelivery(), newDelivery());
    await redis.zadd(stores.keys.dueDeliveries, 1, b);
    expect(await deliveries.claim(1)).toEqual({ ids: [b], nextInMs: 0 });
    expect((await deliveries.claim(10)).ids).toEqual([a]);
    const none = await deliveries.claim(10);
    expect(none.ids).toEqual([]);
    expect(none.nextInMs).toBeGreaterThan(0);
    expect(none.nextInMs).toBeLessThanOrEqual(10_000);
    // The worker that claimed it is gone.
    await redis.zadd(stores.keys.dueDeliveries, 1, a);
    expect((await deliveries.claim(10)).ids).toEqual([a]);
    for (const id of [a, b]) await begin(stores, id);
    expect(await deliveries.claim(10)).toEqual({ ids: [], nextInMs: undefined });
  });

  it('waits for the time of its next attempt', async () => {
    const stores = newStores(redis);
    const [id = ''] = await create(stores, newDelivery());
    const failure = retry();
    await attemptOf(stores, id, failure);
    expect(await redis.zscore(stores.keys.dueDeliveries, id)).toBe(String(failure.verdict.at));
    const { ids, nextInMs } = await stores.deliveries.claim(10);
    expect(ids).toEqual([]);
    expect(nextInMs).toBeGreaterThan(0);
  });

  it('is announced when it is created, and when its lane has room again', async () => {
    const stores = newStores(redis);
    const subscriber = redis.duplicate();
    onTestFinished(() => subscriber.disconnect());
    await subscriber.subscribe(stores.keys.deliveriesDue);
    let announcements = 0;
    subscriber.on('message', () => announcements++);
    const [a = '', parked = ''] = await create(stores, newDelivery(), newDelivery());
    await expect.poll(() => announcements).toBe(2);
    const { token } = await begin(stores, a, { maxInFlight: 1 });
    expect(await begin(stores, parked, { maxInFlight: 1 })).toMatchObject({ outcome: 'parked' });
    await stores.deliveries.end(a, token, ok);
    await expect.poll(() => announcements).toBe(3);
    expect(await dueIds(stores)).toEqual([parked]);
  });
});

describe('the log of deliveries', () => {
  it('is listed newest first, by filters, page by page', async () => {
    const stores = newStores(redis);
    const { deliveries } = stores;
    const endpoint = await newEndpoint(stores);
    const [job, batch] = [newId('job'), newId('batch')];
    const of = [{ job }, { job, batch }, { batch }, {}, { job, batch }];
    // All at once, so that many have the same millisecond.
    const made = of.map((changes) => toEndpointOf(endpoint, changes));
    await deliveries.create([...made, newDelivery({ job, batch })]);
    const failed = made[1]?.id as string;
    await attemptOf(stores, failed, exhausted);

    const pages: string[][] = [];
    let before: string | undefined;
    do {
      const { records, next } = await deliveries.list({
        tenant: 'default',
        endpoint: endpoint.id,
        limit: 2,
        before,
      });
      pages.push(records.map(({ id }) => id));
      before = next;
    } while (before !== undefined);
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1]);
    expect(pages.flat().toSorted()).toEqual(made.map(({ id }) => id).toSorted());

    const ids = async (filter: object) =>
      (await deliveries.list({ tenant: 'default', limit: 10, ...filter })).records.map(({ id }) => id);
    expect(await ids({ job, batch })).toHaveLength(3);
    expect(await ids({ state: 'failed' })).toEqual([failed]);
    expect(await ids({ state: 'pending', job })).toHaveLength(3);
    expect(await ids({ endpoint: endpoint.id, batch })).toHaveLength(3);
    expect(await ids({ state: 'canceled' })).toEqual([]);
    expect(await ids({ state: 'delivered' })).toEqual([]);
    await attemptOf(stores, made[3]?.id as string, ok);
    expect(await ids({ state: 'delivered' })).toEqual([made[3]?.id]);
  });

  it('is listed in the order of creation', async () => {
    const stores = newStores(redis);
    const ids = await create(stores, ...Array.from({ length: 5 }, () => newDelivery()));
    for (const [at, id] of ids.entries()) {
      await redis.zadd(stores.keys.deliveries('tenant:default'), at, id);
    }
    const { records } = await stores.deliveries.list({ tenant: 'default', limit: 10 });
    expect(records.map(({ id }) => id)).toEqual(ids.toReversed());
  });

  it('is pruned by age, separately for delivered ones and others, and never loses pending ones', async () => {
    const stores = newStores(redis);
    const { deliveries, keys } = stores;
    const endpoint = await newEndpoint(stores);
    const job = newId('job');
    const [done = '', failed = '', pending = ''] = await create(
      stores,
      toEndpointOf(endpoint, { job }),
      newDelivery({ batch: newId('batch') }),
      newDelivery(),
    );
    await attemptOf(stores, done, ok);
    await attemptOf(stores, failed, exhausted);
    const day = 24 * 3600 * 1_000;
    expect(await deliveries.prune({ deliveredMs: day, failedMs: day, max: 10 })).toMatchObject({
      removed: 0,
    });
    const none = { deliveredMs: 0, failedMs: 0, max: 10, mostOld: 0 };
    expect(await deliveries.prune(none)).toEqual({ removed: 0, old: 0 });
    expect(await deliveries.countEnded()).toBe(2);
    expect(await deliveries.prune({ deliveredMs: 0, failedMs: day, max: 10 })).toEqual({
      removed: 1,
      old: 1,
    });
    expect(await deliveries.get('default', done)).toBeUndefined();
    expect(await deliveries.get('default', failed)).toBeDefined();
    expect(await deliveries.prune({ deliveredMs: day, failedMs: 0, max: 10 })).toMatchObject({ removed: 1 });
    expect(await deliveries.prune({ deliveredMs: 0, failedMs: 0, max: 0 })).toMatchObject({ removed: 0 });
    expect((await deliveries.list({ tenant: 'default', limit: 5 })).records.map(({ id }) => id)).toEqual([
      pending,
    ]);
    const left = await redis.keys(`${keys.base}deliver*`);
    expect(left.map((key) => key.slice(keys.base.length)).toSorted()).toEqual([
      'deliveries:due',
      'deliveries:state:pending',
      'deliveries:tenant:default',
      `delivery:${pending}`,
    ]);
  });

  it('is pruned by count, delivered ones first and the oldest first', async () => {
    const stores = newStores(redis);
    const { deliveries, keys } = stores;
    const ids = await create(stores, ...Array.from({ length: 5 }, () => newDelivery()));
    const [failed = '', ...rest] = ids;
    await attemptOf(stores, failed, exhausted);
    for (const [at, id] of rest.entries()) {
      await attemptOf(stores, id, ok);
      await redis.zadd(keys.deliveries('ended:delivered'), Date.now() + at, id);
    }
    const day = 24 * 3600 * 1_000;
    expect(await deliveries.prune({ deliveredMs: day, failedMs: day, max: 2 })).toMatchObject({ removed: 3 });
    const { records } = await deliveries.list({ tenant: 'default', limit: 10 });
    expect(records.map(({ id }) => id).toSorted()).toEqual([failed, rest[3]].toSorted());
    expect(await deliveries.prune({ deliveredMs: day, failedMs: day, max: 0 })).toMatchObject({ removed: 2 });
  });
});

describe('sending again', () => {
  it('creates a new delivery of the same message, and does not change the old one', async () => {
    const stores = newStores(redis);
    const { deliveries } = stores;
    const job = newId('job');
    const delivery = newDelivery({ job, sealedSecret: 'sealed', sealedFor: job });
    const [id = ''] = await create(stores, delivery);
    await attemptOf(stores, id, exhausted);
    const again = await deliveries.redeliver('default', id);
    if (!again) throw new Error('it was not found');
    expect(again).toMatchObject({
      ...delivery,
      id: again.id,
      redeliveryOf: id,
      state: 'pending',
      attempts: [],
    });
    expect(again.id).not.toBe(id);
    expect(await dueIds(stores)).toEqual([again.id]);
    await attemptOf(stores, again.id, ok);
    expect(await deliveries.get('default', id)).toMatchObject({ state: 'failed', reason: 'exhausted' });
  });

  it('recovers once each message that did not arrive since a time', async () => {
    const stores = newStores(redis);
    const { deliveries, keys } = stores;
    const endpoint = await newEndpoint(stores);
    const other = await newEndpoint(stores);
    const made = Array.from({ length: 6 }, () => toEndpointOf(endpoint));
    const [old = '', arrived = '', lost = '', twice = '', late = '', stale = ''] = await create(
      stores,
      ...made,
    );
    const [elsewhere = ''] = await create(stores, toEndpointOf(other));
    await attemptOf(stores, arrived, ok);
    for (const id of [old, lost, twice, late, elsewhere]) await attemptOf(stores, id, exhausted);
    await attemptOf(stores, stale, { verdict: { kind: 'canceled', reason: 'stale' } });
    await redis.zadd(keys.deliveries(`endpoint:${endpoint.id}`), 1, old);
    // One failed a second time, and one arrived then.
    const second = await deliveries.redeliver('default', twice);
    await attemptOf(stores, second?.id ?? '', exhausted);
    const third = await deliveries.redeliver('default', late);
    await attemptOf(stores, third?.id ?? '', ok);

    const since = Date.now() - 60_000;
    expect(await deliveries.recover({ tenant: 'other', endpoint: endpoint.id, since })).toBe(0);
    expect(await deliveries.recover({ tenant: 'default', endpoint: endpoint.id, since })).toBe(2);
    const { records } = await deliveries.list({ tenant: 'default', state: 'pending', limit: 10 });
    expect(records.map(({ messageId }) => messageId).toSorted()).toEqual(
      [made[2]?.messageId, made[3]?.messageId].toSorted(),
    );
    // They are pending now.
    expect(await deliveries.recover({ tenant: 'default', endpoint: endpoint.id, since })).toBe(0);
  });
});

describe('a delivery for which its tenant has no room', () => {
  it('is not created; the oldest ended ones make room first, and the account stays exact', async () => {
    const refused: string[] = [];
    const stores = newStores(redis);
    const { keys } = stores;
    const onRefused = (some: readonly NewDelivery[]) => refused.push(...some.map(({ id }) => id));
    const deliveries = new DeliveryStore({ redis, keys, onRefused });
    await redis.hset(keys.stored('default'), 'limit', 40_000);
    const made: string[] = [];
    for (let at = 0; at < 30; at++) {
      const delivery = newDelivery({ body: 'x'.repeat(5_000) });
      made.push(delivery.id);
      // Every second delivery has ended when the next comes.
      const state = at % 2 === 0 ? { state: 'failed' as const, reason: 'stale' } : {};
      await deliveries.create([{ ...delivery, ...state }]);
      expect(await accountFaults({ redis, keys })).toEqual([]);
      expect(Number(await redis.hget(keys.stored('default'), 'bytes'))).toBeLessThanOrEqual(50_000);
    }
    expect(refused.length).toBeGreaterThan(0);
    expect(await deliveries.get('default', made[0] ?? '')).toBeUndefined();
    // No pending delivery was removed for another.
    for (const id of made.filter((each, at) => at % 2 === 1 && !refused.includes(each))) {
      expect((await deliveries.get('default', id))?.state).toBe('pending');
    }
    const api = new DeliveryStore({ redis, keys });
    await expect(api.create([newDelivery({ body: 'x'.repeat(60_000) })])).rejects.toMatchObject({
      code: 'stored_quota_exceeded',
    });
  });
});
