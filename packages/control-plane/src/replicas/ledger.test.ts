import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Lease, ReplicaOutcome, SlotRequest } from './ledger.js';
import { fleetCapacity, replicaId } from './registry.js';
import { fleetOf } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

describe('the slot ledger', () => {
  it('never gives a replica more builds than its limit, however many requests come at once', async () => {
    const { acquire, ledger } = await fleetOf(redis, { a: 2, b: 3 });
    const leases = (await Promise.all(Array.from({ length: 40 }, () => acquire()))).filter(
      (lease) => lease !== undefined,
    );
    expect(leases.map(({ url }) => url).toSorted()).toEqual(['a', 'a', 'b', 'b', 'b']);
    const [first] = leases;
    if (first) await ledger.free(first, 'none');
    expect((await acquire())?.url).toBe(first?.url);
    expect(await acquire()).toBeUndefined();
  });

  it('gives many requests at once the same as one after another', async () => {
    const { ledger, registry } = await fleetOf(redis, { a: 1, b: 2 });
    const want = (id: string, rest: Partial<SlotRequest> = {}) => ({
      id,
      pool: 'default',
      preference: ['a', 'b'],
      suspect: false,
      ...rest,
    });
    const requests = [
      want('only-b', { home: 'b', onlyHome: true }),
      want('suspect', { suspect: true, preference: ['b', 'a'] }),
      want('second suspect', { suspect: true }),
      want('without room'),
    ];
    const urls = async () => (await ledger.acquire(requests, 60_000)).map(({ lease }) => lease?.url);
    expect(await urls()).toEqual(['b', 'b', 'a', undefined]);
    await registry.setHealth('a', 'down');
    expect((await ledger.acquire([want('late')], 60_000))[0]?.lease).toBeUndefined();
    expect((await ledger.acquire([want('nowhere', { pool: 'empty' })], 60_000))[0]).toMatchObject({
      ...{ lease: undefined, lacking: undefined },
    });
    expect(await ledger.acquire([], 60_000)).toEqual([]);
  });

  it('frees the slot of a lease that is not renewed, and keeps a renewed one', async () => {
    const { acquire, renew } = await fleetOf(redis, { a: 2 });
    const kept = await acquire(['a'], { ttlMs: 1_000 });
    await acquire(['a'], { ttlMs: 1_000 });
    expect(await acquire()).toBeUndefined();
    expect(await renew([kept])).toEqual([]);
    await expect.poll(() => acquire()).toBeDefined();
    expect(await acquire()).toBeUndefined();
  });

  it('does not renew expired leases', async () => {
    const { acquire, renew, keys } = await fleetOf(redis, { a: 1 });
    const lease = await acquire(['a'], { ttlMs: 1 });
    await expect.poll(() => acquire()).toBeDefined();
    expect(await renew([lease])).toEqual([lease?.id]);
    expect(await redis.zcard(keys.slots('a'))).toBe(1);
  });

  it('follows the preference until a replica has more than its fair share', async () => {
    const { acquire } = await fleetOf(redis, { a: 4, b: 4 });
    const urls: (string | undefined)[] = [];
    for (let at = 0; at < 8; at++) urls.push((await acquire(['a', 'b']))?.url);
    expect(urls.slice(0, 2)).toEqual(['a', 'a']);
    expect(urls.filter((url) => url === 'a')).toHaveLength(4);
    expect(urls.filter((url) => url === 'b')).toHaveLength(4);
    expect(urls.slice(0, 6)).toContain('b');
  });

  it('gives a home its whole room, also beyond its fair share', async () => {
    const { acquire } = await fleetOf(redis, { a: 4, b: 4 });
    const taken = async (home?: string) => (await acquire(['a', 'b'], { ...(home && { home }) }))?.url;
    expect([await taken('a'), await taken('a'), await taken('a')]).toEqual(['a', 'a', 'a']);
    expect(await taken()).toBe('b');
    expect(await taken('a')).toBe('a');
  });

  it('prefers the replica that has the layers, and takes no other with onlyHome while it is usable', async () => {
    const { acquire, registry } = await fleetOf(redis, { a: 1, b: 4 });
    expect((await acquire(['a', 'b'], { home: 'b' }))?.url).toBe('a');
    const only = { home: 'a', onlyHome: true };
    expect(await acquire(['a', 'b'], only)).toBeUndefined();
    expect((await acquire(['b', 'a'], { home: 'b', onlyHome: true }))?.url).toBe('b');
    await registry.setHealth('a', 'down');
    expect((await acquire(['a', 'b'], only))?.url).toBe('b');
  });

  describe('for a build that needs isolation', () => {
    const want = (id: string, rest: Partial<SlotRequest> = {}): SlotRequest => ({
      ...{ id, pool: 'default', preference: ['a', 'b'], suspect: false, needsIsolation: true, ...rest },
    });
    const reply = async (
      { ledger }: Awaited<ReturnType<typeof fleetOf>>,
      rest: Partial<SlotRequest> = {},
    ) => {
      const [found] = await ledger.acquire([want(randomUUID(), rest)], 60_000);
      return found?.lease ? found.lease.url : found?.lacking;
    };

    it.each(['buildkit', 'unreported'] as const)('takes a replica that is known to be %s', async (engine) => {
      const made = await fleetOf(redis, { a: 1, b: 9 });
      expect(await reply(made)).toBeUndefined();
      await made.registry.setEngine('a', 'buildah');
      expect(await reply(made)).toBeUndefined();
      await made.registry.setEngine('b', engine);
      expect((await made.state('b')).engine).toBe(engine);
      for (const rest of [{}, { suspect: true }, { home: 'a' }, { home: 'a', onlyHome: true }])
        expect(await reply(made, rest)).toBe('b');
      expect((await made.acquire(['a']))?.url).toBe('a');
    });

    it('waits while an engine is unknown, and reports the lack when every replica has buildah', async () => {
      const made = await fleetOf(redis, { a: 1, b: 1 });
      await made.registry.setEngine('a', 'buildah');
      await made.registry.setEngine('b', 'unknown');
      expect(await reply(made)).toBeUndefined();
      await made.registry.setEngine('b', 'buildah');
      expect(await reply(made)).toBe('isolation');
      expect(await reply(made, { pool: 'empty' })).toBeUndefined();
      expect((await made.acquire(['b']))?.url).toBe('b');
    });

    it('forgets the engine of a replica that is down, or that no worker asks any more', async () => {
      const made = await fleetOf(redis, { a: 9 });
      expect(await made.registry.engineLeftMs(['a'])).toEqual([0]);
      await made.registry.setEngine('a', 'buildkit');
      expect((await made.registry.engineLeftMs(['a', 'b']))[0]).toBeGreaterThan(60_000);
      expect(await reply(made, { preference: ['a'] })).toBe('a');
      await made.registry.setHealth('a', 'down');
      await made.registry.setHealth('a', 'up');
      expect(await reply(made, { preference: ['a'] })).toBeUndefined();
      await made.registry.setEngine('a', 'buildkit');
      await made.elapse('a', 'engine_until');
      expect(await reply(made, { preference: ['a'] })).toBeUndefined();
      expect((await made.state('a')).engine).toBe('unknown');
      expect(await made.registry.engineLeftMs(['a'])).toEqual([0]);
    });
  });

  describe('for a build that needs a feature', () => {
    const reply = async (
      { ledger }: Awaited<ReturnType<typeof fleetOf>>,
      rest: Partial<SlotRequest> = {},
    ) => {
      const want = {
        pool: 'default',
        preference: ['a', 'b'],
        suspect: false,
        needsFeature: 'build-options' as const,
      };
      const [found] = await ledger.acquire([{ id: randomUUID(), ...want, ...rest }], 60_000);
      return found?.lease ? found.lease.url : found?.lacking;
    };

    it('takes a replica that reported the feature, and waits while another may have it', async () => {
      const made = await fleetOf(redis, { a: 1, b: 9 });
      expect(await reply(made)).toBeUndefined();
      await made.registry.setEngine('a', 'unreported', []);
      expect([(await made.state('a')).features, (await made.state('b')).features]).toEqual([[], undefined]);
      expect(await reply(made)).toBeUndefined();
      await made.registry.setEngine('b', 'buildkit', ['build-options']);
      expect((await made.state('b')).features).toEqual(['build-options']);
      for (const rest of [{}, { suspect: true }, { home: 'a' }, { home: 'a', onlyHome: true }])
        expect(await reply(made, rest)).toBe('b');
      expect((await made.acquire(['a']))?.url).toBe('a');
    });

    it('reports the lack when no replica has the feature, and forgets the feature with the engine', async () => {
      const made = await fleetOf(redis, { a: 9, b: 9 });
      await made.registry.setEngine('a', 'unreported', []);
      await made.registry.setEngine('b', 'buildkit', []);
      expect(await reply(made)).toBe('feature');
      expect(await reply(made, { pool: 'empty' })).toBeUndefined();
      await made.registry.setEngine('b', 'buildkit', ['build-options']);
      await made.registry.setEngine('b', 'unknown');
      expect(await reply(made)).toBeUndefined();
      await made.registry.setEngine('b', 'buildkit', ['build-options']);
      await made.registry.setHealth('b', 'down');
      await made.registry.setHealth('b', 'up');
      expect(await reply(made)).toBeUndefined();
    });

    it('takes no replica that has only the feature when isolation is needed too', async () => {
      const made = await fleetOf(redis, { a: 9, b: 9 });
      await made.registry.setEngine('a', 'buildah', ['build-options']);
      await made.registry.setEngine('b', 'buildkit', []);
      expect(await reply(made, { needsIsolation: true })).toBe('feature');
      expect(await reply(made)).toBe('a');
      await made.registry.setEngine('b', 'buildah', []);
      expect(await reply(made, { needsIsolation: true })).toBe('isolation');
      await made.registry.setEngine('b', 'buildkit', ['build-options']);
      expect(await reply(made, { needsIsolation: true })).toBe('b');
    });
  });

  it('never puts two suspects on one replica', async () => {
    const { acquire } = await fleetOf(redis, { a: 4, b: 4 });
    const suspects = [
      await acquire(undefined, { suspect: true }),
      await acquire(undefined, { suspect: true }),
    ];
    expect(suspects.map((lease) => lease?.url).toSorted()).toEqual(['a', 'b']);
    expect(await acquire(undefined, { suspect: true })).toBeUndefined();
    expect(await acquire()).toBeDefined();
  });

  it.each([
    ['ready', true],
    ['full', true],
    ['broken', false],
    ['draining', false],
  ] as const)('gives a replica that is %s builds: %s', async (readiness, takes) => {
    const { acquire, registry, elapse, state } = await fleetOf(redis, { a: 1 });
    await registry.setReadiness('a', readiness, 'why');
    expect(await state('a')).toMatchObject({ health: 'up', readiness, readinessReason: 'why' });
    expect(fleetCapacity(await registry.list())).toBe(takes ? 1 : 0);
    expect((await acquire())?.url).toBe(takes ? 'a' : undefined);
    await elapse('a', 'readiness_until');
    expect((await state('a')).readiness).toBe('unknown');
    if (!takes) expect((await acquire())?.url).toBe('a');
  });

  it('skips replicas that drain or are down', async () => {
    const { acquire, registry } = await fleetOf(redis, { a: 1, b: 1 });
    expect(await registry.setDraining(replicaId('a'), true)).toBe(true);
    expect((await acquire(['a', 'b']))?.url).toBe('b');
    await registry.setDraining(replicaId('a'), false);
    await registry.setHealth('a', 'down');
    expect(await acquire()).toBeUndefined();
    await registry.setHealth('a', 'up');
    expect((await acquire())?.url).toBe('a');
    expect(await registry.setDraining('rep_unknown', true)).toBe(false);
  });
});

describe('any interleaving of operations on the ledger', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('acquire' as const), suspect: fc.boolean() }),
    fc.record({
      kind: fc.constant('free' as const),
      which: fc.nat(20),
      outcome: fc.constantFrom('ok', 'busy', 'fault', 'none'),
    }),
    fc.record({ kind: fc.constant('renew' as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant('drain' as const), url: fc.constantFrom('a', 'b'), on: fc.boolean() }),
  );

  it('keeps every replica within its configured limit, and counts its leases', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const limits: Record<string, number> = { a: 2, b: 3 };
        const { acquire, ledger, renew, registry, state } = await fleetOf(redis, limits);
        const held: Lease[] = [];
        for (const each of steps) {
          if (each.kind === 'acquire') {
            const lease = await acquire(undefined, { suspect: each.suspect });
            if (lease) held.push(lease);
          } else if (each.kind === 'drain') await registry.setDraining(replicaId(each.url), each.on);
          else {
            const [lease] = held.slice(
              each.which % Math.max(held.length, 1),
              (each.which % Math.max(held.length, 1)) + 1,
            );
            if (!lease) continue;
            if (each.kind === 'renew') await renew([lease]);
            else {
              held.splice(held.indexOf(lease), 1);
              await ledger.free(lease, each.outcome as ReplicaOutcome);
            }
          }
          for (const url of ['a', 'b']) {
            const { inFlight, limit } = await state(url);
            expect(inFlight).toBe(held.filter((lease) => lease.url === url).length);
            expect(inFlight).toBeLessThanOrEqual(limits[url] ?? 0);
            expect(limit).toBeGreaterThanOrEqual(1);
            expect(limit).toBeLessThanOrEqual(limits[url] ?? 0);
          }
        }
      }),
      { numRuns: 25 },
    );
  });
});
