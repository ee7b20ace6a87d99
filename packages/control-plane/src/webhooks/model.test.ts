import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { accountFaults } from '../stored/testing.js';
import type { DeliveryRecord, EndpointRecord, NewDelivery } from './index.js';
import {
  create,
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

/** A step that a process may do at any time, with current, stale and invalid tokens. */
const step = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('begin', 'deliver', 'retry', 'wake', 'pass') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'give up',
        'cancel',
        'gone',
        'claim',
        'come',
        'again',
        'create',
        'off',
        'on',
        'remove',
      ),
    },
  ),
  delivery: fc.nat(7),
  /** Age of the token: 0 is the newest token of the delivery, 1 the one before, and so on. */
  token: fc.nat(2),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Two deliveries of a callback, the others of an endpoint whose lane takes two. */
interface World {
  readonly stores: Stores;
  readonly endpoint: EndpointRecord;
  readonly made: readonly NewDelivery[];
  readonly ids: string[];
  readonly tokens: Map<string, string[]>;
  readonly ended: Map<string, string>;
}

const callbackLane = 'callback:0123456789abcdef';

describe('any interleaving of operations on deliveries, stale tokens included', () => {
  it('loses no delivery, keeps each in one place, and ends each at most once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const stores = newStores(redis);
        const endpoint = await newEndpoint(stores, { max_in_flight: 2 });
        const made = Array.from({ length: 6 }, (_each, at) =>
          at < 2 ? newDelivery() : toEndpointOf(endpoint),
        );
        const ids = await create(stores, ...made);
        const world: World = { stores, endpoint, made, ids, tokens: new Map(), ended: new Map() };
        for (const each of steps) {
          await perform(world, each);
          await check(world);
        }
        await drain(world);
      }),
      { numRuns: 60 },
    );
  });
});

async function perform({ stores, endpoint, made, ids, tokens }: World, each: Step): Promise<void> {
  const { deliveries, endpoints } = stores;
  const id = ids[each.delivery % ids.length] as string;
  const known = tokens.get(id) ?? [];
  const current = known.at(-1 - each.token) ?? 'made up';
  const end = async (what: Parameters<typeof deliveries.end>[2]) => {
    const before = await stored(stores, id);
    const { stale } = await deliveries.end(id, current, what);
    expect(stale).toBe(before.token !== current);
    const after = await stored(stores, id);
    if (stale) expect(after).toEqual(before);
  };
  switch (each.kind) {
    case 'begin': {
      const token = randomUUID();
      const { outcome } = await deliveries.begin(id, { token, leaseMs: 60_000, maxInFlight: 1 });
      if (outcome === 'begun') tokens.set(id, [...known, token]);
      return;
    }
    case 'deliver':
      return await end(ok);
    case 'retry':
      return await end(retry());
    case 'give up':
      return await end(exhausted);
    case 'cancel':
      return await end({ verdict: { kind: 'canceled', reason: 'stale' } });
    case 'gone':
      return await end({ ...exhausted, disable: 'gone' });
    case 'wake':
      return await deliveries.wakeLanes();
    case 'pass':
      for (const lane of [callbackLane, `endpoint:${endpoint.id}`]) await letTimePass(stores, lane);
      return;
    case 'come':
      if ((await stored(stores, id)).state === 'pending') await makeDue(stores, id);
      return;
    case 'claim':
      await deliveries.claim(3);
      return;
    case 'create':
      return await deliveries.create(made);
    case 'again': {
      const again = await deliveries.redeliver('default', id);
      if (again) ids.push(again.id);
      return;
    }
    case 'off':
    case 'on':
      await endpoints.update('default', endpoint.id, { enabled: each.kind === 'on' });
      return;
    case 'remove':
      await endpoints.remove('default', endpoint.id);
  }
}

const stored = ({ keys }: Stores, id: string): Promise<Record<string, string>> =>
  redis.hgetall(keys.delivery(id));

/** Checks that each pending delivery is in exactly one place, and each ended one is in none and unchanged. */
async function check({ stores, ids, ended }: World): Promise<void> {
  const { keys } = stores;
  for (const id of ids) {
    const { state = '', token, endpoint, lane = `endpoint:${endpoint}` } = await stored(stores, id);
    const places = {
      due: keys.dueDeliveries,
      leased: `${keys.lane(lane)}:inflight`,
      parked: `${keys.lane(lane)}:parked`,
    };
    const found: string[] = [];
    for (const [place, key] of Object.entries(places)) {
      if ((await redis.zscore(key, id)) !== null) found.push(place);
    }
    expect(found).toHaveLength(state === 'pending' ? 1 : 0);
    expect(token !== undefined).toBe(found[0] === 'leased');
    for (const name of ['pending', 'failed', 'canceled']) {
      const there = await redis.zscore(keys.deliveries(`state:${name}`), id);
      expect(there !== null).toBe(name === state);
    }
    if (endpoint) {
      const pending = await redis.zscore(keys.deliveries(`pending:${endpoint}`), id);
      expect(pending !== null).toBe(state === 'pending');
    }
    // A lane with leases or parked deliveries has a scheduled check.
    if (found[0] === 'leased' || found[0] === 'parked') {
      expect(await redis.zscore(`${keys.base}lanes`, lane)).not.toBeNull();
    }
    const before = ended.get(id);
    if (before !== undefined) expect(state).toBe(before);
    if (state !== 'pending') ended.set(id, state);
  }
}

/** Checks that the sweep alone ends all pending deliveries when receivers accept them. */
async function drain({ stores, endpoint, ids }: World): Promise<void> {
  const { deliveries, keys } = stores;
  const pending = () => redis.zrange(keys.deliveries('state:pending'), '0', '-1');
  for (let round = 0; (await pending()).length > 0; round++) {
    if (round > 30) throw new Error(`still pending: ${(await pending()).join(' ')}`);
    for (const lane of [callbackLane, `endpoint:${endpoint.id}`]) await letTimePass(stores, lane);
    await deliveries.wakeLanes();
    for (const id of await redis.zrange(keys.dueDeliveries, '0', '-1')) await makeDue(stores, id);
    for (const id of (await deliveries.claim(100)).ids) {
      const token = randomUUID();
      const begun = await deliveries.begin(id, { token, leaseMs: 60_000, maxInFlight: 1 });
      if (begun.outcome === 'begun') await deliveries.end(id, token, ok);
    }
  }
  const records = await Promise.all(ids.map((id) => deliveries.get('default', id)));
  expect(records.every((record: DeliveryRecord | undefined) => record && record.state !== 'pending')).toBe(
    true,
  );
  expect(await accountFaults({ redis, keys })).toEqual([]);
  await deliveries.wakeLanes();
  expect(await redis.exists(keys.dueDeliveries, `${keys.base}lanes`)).toBe(0);
}
