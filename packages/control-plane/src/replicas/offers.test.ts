import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { setVirtualTime, virtualClock } from '@slipway/shared/virtual-time';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type AcquireReply, type Lease, SlotLedger, type SlotRequest } from './ledger.js';
import { ReplicaRegistry, type ReplicaState, replicaId } from './registry.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const clock = virtualClock(1_700_000_000_000);
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
  setVirtualTime(redis, clock);
});
afterAll(() => cleanups.run(logger));

const urls = ['a', 'b', 'c', 'd', 'e', 'f'];
const some = fc.constantFrom(...urls);
const pools = ['default', 'arm'] as const;
const build = {
  pool: fc.constantFrom('default', 'default', 'arm'),
  preference: fc.uniqueArray(some, { maxLength: 3 }),
  except: fc.constantFrom([], [], [], ['a']),
  suspect: fc.constantFrom(false, false, true),
  home: fc.option(some, { nil: undefined }),
  onlyHome: fc.boolean(),
  needsIsolation: fc.constantFrom(false, false, true),
  needsFeature: fc.constantFrom(undefined, undefined, undefined, 'build-options' as const),
};
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('acquire' as const),
      builds: fc.array(fc.record(build), { minLength: 1, maxLength: 8 }),
      ttlMs: fc.constantFrom(1_500, 15_000, 15_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('free' as const),
      which: fc.nat(30),
      outcome: fc.constantFrom('ok', 'busy', 'fault', 'broken', 'draining', 'none'),
    }),
  },
  fc.record({ kind: fc.constant('renew' as const), which: fc.nat(30) }),
  fc.record({
    kind: fc.constant('announce' as const),
    url: some,
    max: fc.constantFrom(undefined, 1, 2, 5),
    pool: fc.constantFrom(...pools),
    isStarting: fc.boolean(),
    isLeaving: fc.constantFrom(false, false, false, true),
  }),
  fc.record({ kind: fc.constant('retire' as const), url: some }),
  fc.record({ kind: fc.constant('health' as const), url: some, health: fc.constantFrom('up', 'down') }),
  fc.record({
    kind: fc.constant('readiness' as const),
    url: some,
    readiness: fc.constantFrom('ready', 'full', 'broken', 'draining'),
  }),
  fc.record({
    kind: fc.constant('engine' as const),
    url: some,
    engine: fc.constantFrom('buildkit', 'buildah', 'unreported', 'unknown'),
    features: fc.constantFrom(undefined, [], ['build-options' as const]),
    instance: fc.constantFrom(undefined, 'one', 'two'),
  }),
  fc.record({ kind: fc.constant('drain' as const), url: some, on: fc.boolean() }),
  // A process of an earlier version writes the record and the leases alone.
  fc.record({ kind: fc.constant('earlier version' as const), url: some, which: fc.nat(30) }),
  fc.record({
    kind: fc.constant('time' as const),
    ms: fc.constantFrom(1, 2_000, 4_000, 4_000, 20_000, 61_000),
  }),
);

interface Held {
  readonly lease: Lease;
  readonly suspect: boolean;
  until: number;
}

/** Returns the number of builds that a replica takes at once now. */
function takes({ draining, health, readiness, circuit, limit }: ReplicaState): number {
  if (draining || health === 'down' || readiness === 'broken' || readiness === 'draining') return 0;
  return circuit === 'open' ? 0 : circuit === 'probing' ? 1 : limit;
}

/** Returns the replica that a build must get, by a look at all replicas, or the ones of which it may get any. */
function placesFor(request: SlotRequest, all: readonly ReplicaState[], held: readonly Held[]): string[] {
  const { pool, preference, except = [], suspect, home, onlyHome, needsIsolation, needsFeature } = request;
  const fitting = all.filter(
    ({ pool: of, engine, features }) =>
      of === pool &&
      (!needsIsolation || engine === 'buildkit' || engine === 'unreported') &&
      (needsFeature === undefined || features?.includes(needsFeature)),
  );
  const sum = (of: (replica: ReplicaState) => number) =>
    fitting.reduce((total, replica) => total + (takes(replica) > 0 ? of(replica) : 0), 0);
  const [load, capacity] = [sum(({ inFlight }) => inFlight), sum(takes)];
  const usable = fitting.filter(
    (replica) =>
      takes(replica) > 0 &&
      ![...except].includes(replica.url) &&
      !(suspect && held.some((each) => each.suspect && each.lease.url === replica.url)),
  );
  const withRoom = usable.filter((replica) => replica.inFlight < takes(replica));
  if (onlyHome && usable.some(({ url }) => url === home))
    return withRoom.flatMap(({ url }) => (url === home ? [url] : []));
  for (const url of preference) {
    const replica = withRoom.find((each) => each.url === url);
    if (!replica) continue;
    const share = Math.ceil(((load + 1) * takes(replica)) / capacity);
    if (url === home || replica.inFlight <= share) return [url];
  }
  const ratio = (replica: ReplicaState) => replica.inFlight / takes(replica);
  const least = Math.min(...withRoom.map(ratio));
  return withRoom.filter((replica) => ratio(replica) === least).map(({ url }) => url);
}

function lackOf({ pool, needsIsolation, needsFeature }: SlotRequest, all: readonly ReplicaState[]) {
  const own = all.filter((replica) => replica.pool === pool);
  const shares = ({ engine }: ReplicaState) => Boolean(needsIsolation) && engine === 'buildah';
  const mayBuild = (replica: ReplicaState) =>
    !shares(replica) && (needsFeature === undefined || (replica.features?.includes(needsFeature) ?? true));
  if (own.length === 0 || own.some(mayBuild)) return undefined;
  return own.every(shares) ? 'isolation' : 'feature';
}

describe('the index of free slots', () => {
  it('gives every build the replica that a look at all replicas finds, and never exceeds a limit', async () => {
    const seen = { placed: 0, waited: 0, lacking: 0, shared: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const keys = redisKeys(`offers-${randomUUID()}`);
        const registry = new ReplicaRegistry({ redis, keys, now: clock.now });
        const ledger = new SlotLedger({ redis, keys });
        const announced = (url: string, pool = 'default') => ({ url, max: 4, pool, platforms: [] });
        await registry.announce([...['a', 'b', 'c'].map((url) => announced(url)), announced('d', 'arm')]);
        for (const url of ['a', 'b']) await registry.setEngine(url, 'buildkit', ['build-options']);
        await registry.setEngine('d', 'buildah', []);
        let held: Held[] = [];
        const pick = (which: number) => held[which % Math.max(held.length, 1)];

        const check = (request: SlotRequest, reply: AcquireReply, all: readonly ReplicaState[]) => {
          const places = placesFor(request, all, held);
          if (reply.lease) {
            expect(places).toContain(reply.lease.url);
            const before = all.find(({ url }) => url === reply.lease.url);
            expect(reply.lease.taken).toBe((before?.inFlight ?? 0) + 1);
            seen.placed++;
            if (reply.lease.url !== request.preference[0]) seen.shared++;
          } else {
            expect(places).toEqual([]);
            expect(reply.lacking).toBe(lackOf(request, all));
            seen.waited++;
            if (reply.lacking) seen.lacking++;
          }
        };

        for (const each of steps) {
          clock.set(clock.now() + 1);
          held = held.filter(({ until }) => until > clock.now());
          if (each.kind === 'acquire') {
            const requests = each.builds.map((wanted) => ({ id: randomUUID(), ...wanted }));
            let all = await registry.list();
            const replies = await ledger.acquire(requests, each.ttlMs);
            for (const [at, request] of requests.entries()) {
              const reply = replies[at];
              if (!reply) throw new Error('no reply');
              check(request, reply, all);
              const { lease } = reply;
              if (!lease) continue;
              held.push({ lease, suspect: request.suspect, until: clock.now() + each.ttlMs });
              all = all.map((one) => (one.url === lease.url ? { ...one, inFlight: one.inFlight + 1 } : one));
            }
          } else if (each.kind === 'free') {
            const found = pick(each.which);
            if (!found) continue;
            held.splice(held.indexOf(found), 1);
            await ledger.free(found.lease, each.outcome);
          } else if (each.kind === 'renew') {
            const found = pick(each.which);
            if (!found) continue;
            const leases = [found.lease.id, found.lease.url];
            expect(await SlotLedger.renewal.run({ redis, keys }, { ttl_ms: 15_000, leases })).toEqual([]);
            found.until = clock.now() + 15_000;
          } else if (each.kind === 'announce')
            await registry.announce([{ ...each, kind: 'k8s', platforms: [] }]);
          else if (each.kind === 'retire') await registry.retire([each.url]);
          else if (each.kind === 'health') await registry.setHealth(each.url, each.health);
          else if (each.kind === 'readiness') await registry.setReadiness(each.url, each.readiness);
          else if (each.kind === 'engine')
            await registry.setEngine(each.url, each.engine, each.features, each.instance);
          else if (each.kind === 'drain') await registry.setDraining(replicaId(each.url), each.on);
          else if (each.kind === 'earlier version') {
            await redis.hdel(keys.replica(each.url), 'draining', 'open_until');
            const found = pick(each.which);
            if (found) {
              held.splice(held.indexOf(found), 1);
              await redis.zrem(keys.slots(found.lease.url), found.lease.id);
              await redis.zrem(keys.suspectSlots(found.lease.url), found.lease.id);
            }
            clock.set(clock.now() + 5_000);
          } else clock.set(clock.now() + each.ms);
        }
        await checkSums(keys);
      }),
      { numRuns: 60 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
  });

  /** The sums and the sets of free slots say the same as the entries. */
  async function checkSums(keys: ReturnType<typeof redisKeys>): Promise<void> {
    const entries = Object.entries(await redis.hgetall(keys.offers)).map(([url, text]) => {
      const [limit, load, type = '', pool = ''] = text.split(' ');
      return { url, limit: Number(limit), load: Number(load), type, pool };
    });
    for (const pool of pools) {
      const own = entries.filter((entry) => entry.pool === pool);
      const sums = Object.entries(await redis.hgetall(keys.offersOfPool(pool)));
      for (const type of new Set([
        ...own.map((entry) => entry.type),
        ...sums.map(([name]) => name.split(' ')[0] ?? ''),
      ])) {
        const members = own.filter((entry) => entry.type === type);
        const sum = (name: string) => Number(new Map(sums).get(`${type} ${name}`) ?? 0);
        expect([type, sum('replicas'), sum('limit'), sum('load')]).toEqual([
          type,
          members.length,
          members.reduce((total, { limit }) => total + limit, 0),
          members.reduce((total, { limit, load }) => total + (limit > 0 ? load : 0), 0),
        ]);
        expect(await redis.zrange(keys.room(pool, type), '0', '-1')).toEqual(
          members
            .filter(({ load, limit }) => load < limit)
            .toSorted((a, b) => a.load / a.limit - b.load / b.limit || (a.url < b.url ? -1 : 1))
            .map(({ url }) => url),
        );
      }
    }
    expect((await redis.zrange(keys.offersDue, '0', '-1')).toSorted()).toEqual(
      entries.map(({ url }) => url).toSorted(),
    );
  }
});
