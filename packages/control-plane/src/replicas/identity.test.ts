import { randomUUID } from 'node:crypto';
import type { PublicKey } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { SlotLedger } from './ledger.js';
import { type AnnouncedReplica, addressOf, fleetCapacity, ReplicaRegistry, replicaId } from './registry.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const pod = (uid: string, more: Partial<AnnouncedReplica> = {}): AnnouncedReplica => ({
  ...{ url: `http://10.0.0.1:8080#${uid}`, kind: 'k8s', name: `builder-${uid}`, node: 'node-1' },
  ...{ max: undefined, pool: 'default', platforms: [], ...more },
});
const url = 'http://10.0.0.1:8080';
const address = (kind: 'url' | 'dns'): AnnouncedReplica => ({
  ...{ url, kind, max: undefined, pool: 'default', platforms: [] },
});
const key: PublicKey = {
  key_id: 'k',
  algorithm: 'nacl/box',
  public_key: Buffer.alloc(32).toString('base64'),
};

function installation() {
  const keys = redisKeys(`identity-${randomUUID()}`);
  const registry = new ReplicaRegistry({ redis, keys });
  const ledger = new SlotLedger({ redis, keys });
  const acquire = async (preferred: string, ...except: string[]) => {
    const request = { id: randomUUID(), pool: 'default', preference: [preferred], except, suspect: false };
    const [reply] = await ledger.acquire([request], 60_000);
    return reply?.lease;
  };
  const state = async (of: string) => (await registry.list()).find((replica) => replica.url === of);
  /** Gives a replica everything that another one must not inherit. */
  const burden = async (of: string) => {
    await registry.setEngine(of, 'buildah', ['build-options'], 'first');
    await registry.setPublicKey(of, key);
    await registry.setReadiness(of, 'broken', 'its engine is dead');
    const lease = { id: 'x', url: of, taken: 3 };
    for (let refusals = 0; refusals < 3; refusals++) await ledger.free(lease, 'busy');
    await ledger.free(lease, 'broken');
    await registry.setDraining(replicaId(of), true);
  };
  return { keys, registry, ledger, acquire, state, burden };
}

const fresh = {
  ...{ draining: false, circuit: 'closed', limit: 4, engine: 'unknown', features: undefined },
  ...{ readiness: 'unknown', health: 'unknown', builds: 0, refusals: 0, faults: 0 },
};

describe('a pod with the address of another', () => {
  it('inherits no drain, circuit, limit, engine, key or count', async () => {
    const { registry, state, burden, acquire } = installation();
    const [one, two] = [pod('1'), pod('2')];
    await registry.announce([one]);
    await burden(one.url);
    expect(await state(one.url)).toMatchObject({ draining: true, circuit: 'open', limit: 2, refusals: 3 });
    await registry.announce([two]);
    expect(await state(two.url)).toMatchObject({ ...fresh, name: 'builder-2', node: 'node-1' });
    expect(replicaId(two.url)).not.toBe(replicaId(one.url));
    expect(addressOf(two.url)).toBe(addressOf(one.url));
    expect(await acquire(one.url, two.url)).toBeUndefined();
    expect(await acquire(two.url)).toMatchObject({ taken: 1 });
    expect(await registry.publicKey()).toBeUndefined();
  });

  it('does not wait for the slots of the other', async () => {
    const { registry, acquire } = installation();
    await registry.announce([pod('1', { max: 1 }), pod('2', { max: 1 })]);
    expect(await acquire(pod('1').url, pod('2').url)).toBeDefined();
    expect(await acquire(pod('1').url, pod('2').url)).toBeUndefined();
    expect(await acquire(pod('2').url)).toBeDefined();
  });
});

describe('a pod that Kubernetes ends', () => {
  it('gets no more builds, for all workers, also when one sees an earlier state of it', async () => {
    const { registry, state, acquire } = installation();
    await registry.announce([pod('1')]);
    expect(await acquire(pod('1').url)).toBeDefined();
    await registry.announce([pod('1', { isLeaving: true })]);
    await registry.announce([pod('1')]);
    await registry.setReadiness(pod('1').url, 'ready');
    expect(await acquire(pod('1').url)).toBeUndefined();
    const shown = await state(pod('1').url);
    expect(shown).toMatchObject({ readiness: 'draining', draining: false, circuit: 'closed', inFlight: 1 });
    expect(fleetCapacity(shown ? [shown] : [])).toBe(0);
  });
});

describe('a pod that is not ready', () => {
  it('gets builds once it has answered a health check: it may be full', async () => {
    const { registry, state, acquire } = installation();
    const starting = pod('1', { isStarting: true });
    await registry.announce([starting]);
    expect(await acquire(starting.url)).toBeUndefined();
    expect(await state(starting.url)).toMatchObject({ health: 'down' });
    await registry.setReadiness(starting.url, 'full');
    await registry.announce([starting]);
    expect(await acquire(starting.url)).toBeDefined();
    expect(await state(starting.url)).toMatchObject({ health: 'up' });
  });
});

describe('another process at the same address', () => {
  it.each([
    ['a configured address', address('url')],
    ['a pod', pod('1')],
  ])('keeps what belongs to %s, and inherits no fault', async (_place, replica) => {
    const { registry, state, burden, acquire } = installation();
    await registry.announce([replica]);
    await burden(replica.url);
    await registry.setEngine(replica.url, 'buildkit', [], 'second');
    expect(await state(replica.url)).toMatchObject({
      // The operator's drain, the limit and the counts belong to the place.
      ...{ draining: true, limit: 2, refusals: 3 },
      ...{ engine: 'buildkit', readiness: 'unknown', circuit: 'probing' },
    });
    await registry.setDraining(replicaId(replica.url), false);
    expect(await acquire(replica.url)).toBeDefined();
  });

  it('starts afresh at an address from DNS, which may be another replica', async () => {
    const { registry, keys, state, burden } = installation();
    await registry.announce([address('dns')]);
    await burden(url);
    await registry.setEngine(url, 'buildkit', [], 'second');
    expect(await state(url)).toMatchObject({ ...fresh, engine: 'buildkit', features: [], health: 'up' });
    expect(await registry.publicKey()).toBeUndefined();
    const events = (await redis.xrange(keys.events, '-', '+')).map(([, fields]) => fields[1]);
    expect(events).toEqual(['builder.circuit_opened', 'builder.circuit_closed']);
  });

  it('is not another one that a load balancer alternates with', async () => {
    const { registry, state, burden } = installation();
    await registry.announce([address('url')]);
    for (const instance of ['first', 'second']) await registry.setEngine(url, 'buildkit', [], instance);
    await burden(url);
    for (const instance of ['second', 'first', 'second'])
      await registry.setEngine(url, 'buildkit', [], instance);
    await registry.setEngine(url, 'buildkit', []);
    expect(await state(url)).toMatchObject({ circuit: 'open', readiness: 'broken' });
  });
});

describe('a replica that is gone', () => {
  it('is not listed, and the end of a build there makes no record and no event', async () => {
    const { registry, ledger, keys, acquire } = installation();
    await registry.announce([pod('1')]);
    const lease = await acquire(pod('1').url);
    if (!lease) throw new Error('no slot');
    await registry.retire([pod('1').url]);
    expect(await registry.list()).toEqual([]);
    // As for a worker that still sees it, or that has not announced it yet.
    expect(await acquire(lease.url)).toBeUndefined();
    await ledger.free(lease, 'broken');
    expect(await redis.exists(keys.replica(lease.url), keys.slots(lease.url), keys.events)).toBe(0);
  });

  it('is back when a worker still sees it', async () => {
    const { registry, state } = installation();
    await registry.announce([pod('1')]);
    await registry.retire([pod('1').url, pod('never announced').url]);
    await registry.announce([pod('1')]);
    expect(await state(pod('1').url)).toBeDefined();
    expect(await registry.list()).toHaveLength(1);
  });

  it('leaves nothing: keys stay few while thousands of pods come and go', async () => {
    const { registry, ledger, keys, acquire } = installation();
    const keysOf = async () => {
      const found: string[] = [];
      for await (const some of redis.scanStream({ match: `${keys.base}*`, count: 10_000 }))
        found.push(...(some as string[]));
      return found;
    };
    const live = Array.from({ length: 10 }, (_, at) => pod(`live-${at}`));
    for (let round = 0; round < 100; round++) {
      const pods = Array.from({ length: 20 }, (_, at) => pod(`${round}-${at}`));
      await registry.announce([...live, ...pods]);
      const urls = pods.map((each) => each.url);
      const leases = await Promise.all(urls.map((each) => acquire(each)));
      for (const each of urls) {
        await registry.setReadiness(each, 'ready');
        await registry.setEngine(each, 'buildkit', [], randomUUID());
        await registry.setPublicKey(each, key);
      }
      // Some pods go while builds run there, and some are seen by a check that began before.
      await registry.retire(urls.slice(0, 10));
      for (const lease of leases.slice(0, 15)) if (lease) await ledger.free(lease, 'fault');
      const late = [
        (of: string) => registry.setReadiness(of, 'ready'),
        (of: string) => registry.setEngine(of, 'buildkit'),
        (of: string) => registry.setPublicKey(of, key),
        (of: string) => registry.setHealth(of, 'down'),
      ];
      for (const [at, write] of late.entries()) await write(urls[at] ?? '');
    }
    // The index of free slots has one entry for each replica, and goes with it.
    const index = [
      keys.offers,
      keys.offersDue,
      keys.offersOfPool('default'),
      keys.room('default', 'unknown/?'),
    ];
    index.push(keys.room('default', 'buildkit/,'), keys.room('default', 'buildkit/?'));
    for (const each of await keysOf()) {
      if ([keys.replicas, keys.events, keys.publicKey, ...index].includes(each)) continue;
      // The key expires without a call.
      const left = await redis.pttl(each);
      expect([each, left > 0 && left <= 600_000]).toEqual([each, true]);
      if (!live.some((replica) => each === keys.replica(replica.url))) await redis.pexpire(each, 1);
    }
    // Ten minutes later.
    for (const name of await redis.zrange(keys.replicas, '0', '-1'))
      if (!live.some((replica) => replica.url === name))
        await redis.zadd(keys.replicas, Date.now() - 660_000, name);
    await registry.forget();
    await expect
      .poll(async () => (await keysOf()).sort())
      .toEqual(
        [
          ...[keys.publicKey, keys.replicas, ...live.map((replica) => keys.replica(replica.url))],
          ...index.slice(0, 4),
        ].sort(),
      );
    for (const each of [keys.replicas, keys.offersDue, keys.room('default', 'unknown/?')])
      expect([each, await redis.zcard(each)]).toEqual([each, live.length]);
    expect(await redis.hlen(keys.offers)).toBe(live.length);
    expect(await redis.hgetall(keys.offersOfPool('default'))).toEqual({
      ...{ 'unknown/? replicas': '10', 'unknown/? limit': '40', 'unknown/? load': '0' },
    });
  });

  it('expires also when an earlier version of Slipway has announced it', async () => {
    const { registry, keys } = installation();
    await redis.zadd(keys.replicas, Date.now() - 3_600_000, url);
    await redis.hset(keys.replica(url), 'configured', 4, 'draining', 1);
    await registry.forget();
    expect(await redis.pttl(keys.replica(url))).toBeGreaterThan(7 * 86_400_000);
    await redis.pexpire(keys.replica(url), 0);
    await registry.forget();
    expect(await redis.exists(keys.replicas)).toBe(0);
  });

  it('keeps the drain of a configured address while no worker runs', async () => {
    const { registry, keys } = installation();
    await registry.announce([address('url')]);
    await registry.setDraining(replicaId(url), true);
    await redis.zadd(keys.replicas, Date.now() - 86_400_000, url);
    await registry.forget();
    await registry.announce([address('url')]);
    expect(await registry.list()).toMatchObject([{ url, draining: true }]);
    expect(await redis.pttl(keys.replica(url))).toBeGreaterThan(7 * 86_400_000);
  });
});

describe('the public key', () => {
  it('is the last known one while no replica is usable, and that of the replicas otherwise', async () => {
    const { registry } = installation();
    const [one, two] = [pod('1'), pod('2')];
    expect(await registry.publicKey()).toBeUndefined();
    await registry.announce([one]);
    await registry.setPublicKey(one.url, key);
    await registry.retire([one.url]);
    expect(await registry.list()).toEqual([]);
    expect(await registry.publicKey()).toEqual(key);
    await registry.announce([two]);
    expect(await registry.publicKey()).toBeUndefined();
    const other = { ...key, key_id: 'other' };
    await registry.setPublicKey(two.url, other);
    expect(await registry.publicKey()).toEqual(other);
  });
});
