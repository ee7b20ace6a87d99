import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  attemptOf,
  begin,
  create,
  dueIds,
  endpointRequest,
  exhausted,
  newDelivery,
  newEndpoint,
  newStores,
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

describe('an endpoint that is switched off or deleted', () => {
  it('has its pending deliveries canceled in steps, and those in flight when they end', async () => {
    const stores = newStores(redis);
    const { deliveries, endpoints, keys } = stores;
    const endpoint = await newEndpoint(stores, { max_in_flight: 1 });
    const [running = '', parked = '', later = '', due = ''] = await create(
      stores,
      ...Array.from({ length: 4 }, () => toEndpointOf(endpoint)),
    );
    await attemptOf(stores, later, retry());
    const { token } = await begin(stores, running);
    expect(await begin(stores, parked)).toMatchObject({ outcome: 'parked' });
    await endpoints.update('default', endpoint.id, { enabled: false });

    await deliveries.wakeLanes();
    for (const id of [parked, later, due]) {
      const reason = 'webhook_disabled';
      expect(await deliveries.get('default', id)).toMatchObject({ state: 'canceled', reason });
    }
    expect(await deliveries.end(running, token, retry())).toMatchObject({ stale: false });
    expect(await deliveries.get('default', running)).toMatchObject({
      state: 'canceled',
      attempts: [{ status: 500 }],
    });
    await deliveries.wakeLanes();
    const left = await redis.keys(`${keys.base}*`);
    expect(left.filter((key) => /lanes|due|pending|stopping|parked|inflight/.test(key))).toEqual([]);

    await endpoints.update('default', endpoint.id, { enabled: true });
    const { id } = endpoint;
    expect(await deliveries.recover({ tenant: 'default', endpoint: id, since: 0 })).toBe(4);
  });

  it('cancels deliveries that a sender begins before the sweep', async () => {
    const stores = newStores(redis);
    const endpoint = await newEndpoint(stores);
    const [id = ''] = await create(stores, toEndpointOf(endpoint));
    await stores.endpoints.remove('default', endpoint.id);
    expect(await begin(stores, id)).toMatchObject({ outcome: 'ended' });
    expect(await stores.deliveries.get('default', id)).toMatchObject({
      state: 'canceled',
      reason: 'webhook_deleted',
    });
  });

  it('needs several steps for more deliveries than one step may cancel', async () => {
    const stores = newStores(redis);
    const { deliveries, endpoints } = stores;
    const endpoint = await newEndpoint(stores);
    await deliveries.create(Array.from({ length: 1_100 }, () => toEndpointOf(endpoint)));
    await endpoints.remove('default', endpoint.id);
    const pending = () => redis.zcard(stores.keys.deliveries('state:pending'));
    await deliveries.wakeLanes();
    expect(await pending()).toBe(600);
    for (let step = 0; step < 2; step++) await deliveries.wakeLanes();
    expect(await pending()).toBe(0);
  });

  it('records new deliveries in their final state without sending them', async () => {
    const stores = newStores(redis);
    const { deliveries, endpoints } = stores;
    const gone = await newEndpoint(stores);
    const [first = ''] = await create(stores, toEndpointOf(gone));
    await attemptOf(stores, first, {
      ...exhausted,
      verdict: { kind: 'failed', reason: 'gone' },
      disable: 'gone',
    });
    const byHand = (await endpoints.create('default', endpointRequest({ enabled: false }))).endpoint;
    const deleted = await newEndpoint(stores);
    await endpoints.remove('default', deleted.id);
    const made = await create(
      stores,
      toEndpointOf(gone),
      toEndpointOf(byHand),
      toEndpointOf(deleted),
      newDelivery({ state: 'failed', reason: 'webhook_disabled' }),
    );
    const records = await Promise.all(made.map((id) => deliveries.get('default', id)));
    expect(records.map((record) => [record?.state, record?.reason])).toEqual([
      ['failed', 'webhook_disabled'],
      ['canceled', 'webhook_disabled'],
      ['canceled', 'webhook_deleted'],
      ['failed', 'webhook_disabled'],
    ]);
    expect(await dueIds(stores)).toEqual([]);
    await endpoints.update('default', gone.id, { enabled: true });
    expect(await deliveries.recover({ tenant: 'default', endpoint: gone.id, since: 0 })).toBe(2);
  });
});
