import { randomUUID } from 'node:crypto';
import { type Lease, ReplicaRegistry, SlotLedger } from '@slipway/control-plane/replicas';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { afterAll, afterEach, describe, expect, inject, it, vi } from 'vitest';
import { Renewal } from '../renewal/renewal.js';
import type { Replica } from './discovery.js';
import { Placement } from './placement.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
afterAll(() => cleanups.run(logger));

const url = 'http://replica:8081';
const replica = { url, max: 1, pool: 'default', platforms: [] };
const wanted = {
  tenant: 'default',
  priorityClass: 'normal' as const,
  pool: 'default',
  repository: 'r.example/a',
  suspect: false,
  priority: 1,
  home: undefined,
  needsIsolation: false,
  needsFeature: undefined,
  except: new Set<string>(),
};

const forLong = { everyMs: 60_000, may: async () => true };

/** A placement on one replica with one slot, of a worker of its own. */
async function placement(prefix: string, ttlMs: number) {
  const connect = (name: string) =>
    connectRedis({ url: inject('redisUrl'), name, logger, cleanups, mode: 'request' });
  const redis = connect('test');
  const keys = redisKeys(prefix);
  const registry = new ReplicaRegistry({ redis, keys });
  await registry.announce([replica]);
  let growing = false;
  let named: Replica[] = [replica];
  const name = (...replicas: Replica[]) => {
    named = replicas;
  };
  const grows = () => {
    growing = true;
  };
  const lost: Lease[] = [];
  const config = { redisUrl: inject('redisUrl'), redisPrefix: prefix, lockDurationMs: ttlMs };
  const renewal = new Renewal({ config, logger });
  const ledger = new SlotLedger({ redis, keys });
  const acquireNow = ledger.acquire.bind(ledger);
  /** Holds back the reply to the next call. Resolves when Redis has answered it, to a function that lets the reply through. */
  const holdReply = () =>
    new Promise<() => void>((held) => {
      ledger.acquire = async (...call) => {
        ledger.acquire = acquireNow;
        const replies = await acquireNow(...call);
        await new Promise<void>((letGo) => held(letGo));
        return replies;
      };
    });
  const made = new Placement({
    ledger,
    renewal,
    discovery: { replicas: () => named, mayGrow: () => growing },
    ttlMs,
    keptTtlMs: 2 * ttlMs,
    onLost: (lease) => lost.push(lease),
    onCircuit: () => undefined,
    origin: randomUUID(),
    subscriber: connect('subscriber'),
    keys,
    logger,
  });
  const acquire = (id: string) => made.acquire({ id, ...wanted }, 0, new AbortController().signal);
  return { placement: made, renewal, acquire, lost, registry, grows, name, holdReply };
}

describe('a build that needs isolation', () => {
  it('is refused where the pool has none, unless replicas may be missing or have refused it', async () => {
    const prefix = `placement-${randomUUID()}`;
    const { placement: made, grows, registry } = await placement(prefix, 60_000);
    await registry.setEngine(url, 'buildah');
    const acquire = (more: object) =>
      made.acquire({ id: 'x', ...wanted, needsIsolation: true, ...more }, 0, new AbortController().signal);
    await expect(acquire({})).rejects.toMatchObject({ code: 'no_isolated_builder' });
    expect(await acquire({ except: new Set(['http://other:8081']) })).toBeUndefined();
    grows();
    expect(await acquire({})).toBeUndefined();
    await registry.setEngine(url, 'buildkit');
    expect(await acquire({})).toBeDefined();
  });
});

describe('a build that needs a feature', () => {
  it('is refused where the pool has none with it, unless replicas may be missing or have refused it', async () => {
    const { placement: made, grows, registry } = await placement(`placement-${randomUUID()}`, 60_000);
    await registry.setEngine(url, 'unreported', []);
    const needs = { id: 'x', ...wanted, needsFeature: 'build-options' as const };
    const acquire = (more: object) => made.acquire({ ...needs, ...more }, 0, new AbortController().signal);
    await expect(acquire({})).rejects.toMatchObject({ code: 'no_builder_with_options' });
    expect(await acquire({ except: new Set(['http://other:8081']) })).toBeUndefined();
    grows();
    expect(await acquire({})).toBeUndefined();
    await registry.setEngine(url, 'buildah', ['build-options']);
    expect(await acquire({})).toBeDefined();
  });
});

describe('a pool', () => {
  it('is waited for while it has no replica', async () => {
    const { placement: made, name } = await placement(`placement-${randomUUID()}`, 60_000);
    const stop = new AbortController();
    const has = (waitMs: number) => made.hasReplica('default', waitMs, stop.signal);
    expect(await has(0)).toBe(true);
    name();
    expect(await has(0)).toBe(false);
    const [appears, stops] = [has(60_000), made.hasReplica('other', 60_000, stop.signal)];
    name(replica);
    expect(await appears).toBe(true);
    stop.abort();
    expect(await stops).toBe(false);
  });
});

describe('a slot', () => {
  it('is not held any more once it could not be renewed in time', async () => {
    const { placement: mine, acquire } = await placement(`placement-${randomUUID()}`, 200);
    const lease = await acquire('one');
    if (!lease) throw new Error('no slot');
    // Nothing renews it: the thread does not run.
    await expect.poll(() => mine.holds(lease)).toBe(false);
  });

  it('goes to the waiting job that is first in the queue, whichever came first', async () => {
    const { placement: made, acquire } = await placement(`placement-${randomUUID()}`, 60_000);
    const lease = await acquire('builds');
    if (!lease) throw new Error('no slot');
    const order: string[] = [];
    const waiting = [3, 2, 1, 2].map(async (priority, at) => {
      const id = `${priority} ${at}`;
      const own = await made.acquire({ ...wanted, id, priority }, 60_000, new AbortController().signal);
      order.push(id);
      if (own) made.free(own, 'none');
    });
    made.free(lease, 'none');
    await Promise.all(waiting);
    expect(order).toEqual(['1 2', '2 1', '2 3', '3 0']);
  });

  it('has an attempt before the reply that grants it', async () => {
    const { placement: made, acquire } = await placement(`placement-${randomUUID()}`, 60_000);
    const signal = new AbortController().signal;
    const begun: string[] = [];
    const begins = (id: string, result: string | undefined, stop = signal) =>
      made.acquireAndBegin(
        { ...wanted, id },
        {
          ...{ stays: forLong, signal: stop },
          async begin(replica) {
            begun.push(`${id} ${replica}`);
            return result;
          },
        },
      );
    const first = await begins('alone', 'begun');
    expect(first).toMatchObject({ lease: { id: 'alone', url }, begun: 'begun' });
    // The first request comes too early: the replica is full.
    const [second, third] = [begins('second', undefined), begins('third', 'begun')];
    await expect.poll(() => acquire('no room')).toBeUndefined();
    begun.length = 0;
    if (first) made.free(first.lease, 'none');
    expect(begun).toEqual([`second ${url}`]);
    const without = await second;
    expect(without).toMatchObject({ lease: { id: 'second' }, begun: undefined });
    if (without) made.free(without.lease, 'none');
    expect(await third).toMatchObject({ lease: { id: 'third' }, begun: 'begun' });
    expect(await acquire('no room')).toBeUndefined();
  });

  it('goes back when the attempt cannot begin, and at SIGTERM stays with an attempt that has begun', async () => {
    const { placement: made, acquire } = await placement(`placement-${randomUUID()}`, 60_000);
    const begins = (id: string, begin: () => Promise<string | undefined>, stopping = new AbortController()) =>
      made.acquireAndBegin({ ...wanted, id }, { stays: forLong, signal: stopping.signal, begin });
    const error = new Error('no connection');
    await expect(begins('fails', () => Promise.reject(error))).rejects.toBe(error);
    await expect.poll(() => acquire('next')).toBeDefined();
    made.free({ id: 'next', url, taken: 1 }, 'none');
    const stopping = new AbortController();
    const begun = async () => {
      stopping.abort();
      return 'begun';
    };
    expect(await begins('begun', begun, stopping)).toMatchObject({ lease: { id: 'begun' }, begun: 'begun' });
    expect(await acquire('no room')).toBeUndefined();
  });

  it('is waited for until the build may not stay, and the later half makes room for earlier jobs', async () => {
    const { placement: made, acquire } = await placement(`placement-${randomUUID()}`, 60_000);
    const lease = await acquire('builds');
    if (!lease) throw new Error('no slot');
    const asked: string[] = [];
    const waits = (id: string, priority: number, times: number) => {
      const may = async (yields: boolean) => {
        asked.push(`${id} ${yields}`);
        return asked.filter((each) => each.startsWith(id)).length < times;
      };
      const { signal } = new AbortController();
      return made.acquireAndBegin(
        { ...wanted, id, priority },
        { stays: { everyMs: 100, may }, signal, begin: async () => undefined },
      );
    };
    const [first, second] = [waits('first', 1, Number.POSITIVE_INFINITY), waits('second', 2, 3)];
    expect(await second).toBeUndefined();
    expect(new Set(asked)).toEqual(new Set(['first false', 'second true']));
    made.free(lease, 'none');
    expect(await first).toMatchObject({ lease: { id: 'first' } });
  });

  describe('that comes free during a call', () => {
    /** No time passes, so nothing is polled. */
    async function full() {
      const made = await placement(`placement-${randomUUID()}`, 60_000);
      const lease = await made.acquire('builds');
      if (!lease) throw new Error('no slot');
      const replyHeld = made.holdReply();
      vi.useFakeTimers({ toFake: ['setTimeout'] });
      const wait = (id: string) =>
        made.placement.acquire({ ...wanted, id }, 60_000, new AbortController().signal);
      const first = wait('first');
      const letGo = await replyHeld;
      return { ...made, lease, wait, first, letGo };
    }
    afterEach(() => vi.useRealTimers());

    it('goes to a job of that call, which came too early for it', async () => {
      const { placement: made, lease, first, letGo } = await full();
      made.free(lease, 'none');
      letGo();
      expect(await first).toMatchObject({ id: 'first', url });
    });

    it('goes to another job at once', async () => {
      const { placement: made, lease, wait, first, letGo } = await full();
      const second = wait('second');
      made.free(lease, 'none');
      const next = await second;
      expect(next).toMatchObject({ id: 'second', url });
      letGo();
      if (next) made.free(next, 'none');
      expect(await first).toMatchObject({ id: 'first', url });
    });
  });

  it('that comes after SIGTERM goes back at once', async () => {
    const { placement: mine, acquire } = await placement(`placement-${randomUUID()}`, 60_000);
    const stopping = new AbortController();
    const late = mine.acquire({ id: 'late', ...wanted }, 4_000, stopping.signal);
    stopping.abort();
    expect(await late).toBeUndefined();
    await expect.poll(() => acquire('next')).toBeDefined();
  });

  it('that has gone to another worker is reported as lost, though Redis answers', async () => {
    const prefix = `placement-${randomUUID()}`;
    const mine = await placement(prefix, 1_500);
    const lease = await mine.acquire('one');
    if (!lease) throw new Error('no slot');
    const other = await placement(prefix, 60_000);
    // As when the job is taken over from a worker that was frozen.
    other.placement.free(lease, 'none');
    await expect.poll(() => other.acquire('two')).toBeDefined();
    expect(mine.placement.holds(lease)).toBe(true);
    const stop = new AbortController();
    const running = Promise.all([mine.placement.run(stop.signal), mine.renewal.run(stop.signal)]);
    await expect.poll(() => mine.lost).toContainEqual(lease);
    mine.placement.free(lease, 'none');
    stop.abort();
    await running;
  });
});

describe('a home', () => {
  it('that is gone or going delays no build', async () => {
    const prefix = `placement-${randomUUID()}`;
    const { placement: made, registry } = await placement(prefix, 60_000);
    // The mean build time makes a build wait three seconds for a home that is usable.
    const redis = connectRedis({ url: inject('redisUrl'), name: 'stats', logger, cleanups, mode: 'request' });
    await redis.hset(redisKeys(prefix).stats, 'build_ms', 3_600_000);
    const going = { ...replica, url: 'http://going:8081' };
    await registry.announce([{ ...going, isLeaving: true }]);
    const { signal } = new AbortController();
    for (const home of [going.url, 'http://gone:8081']) {
      const lease = await made.acquire({ id: randomUUID(), ...wanted, home }, 0, signal);
      expect(lease).toMatchObject({ url });
      if (lease) await new SlotLedger({ redis, keys: redisKeys(prefix) }).free(lease, 'ok');
    }
  });
});

it('a pod that this worker sees end gets no build, also before all processes know', async () => {
  const { placement: made, acquire, name } = await placement(`placement-${randomUUID()}`, 60_000);
  const signal = new AbortController().signal;
  name({ ...replica, isLeaving: true });
  expect(await acquire('one')).toBeUndefined();
  expect(await made.hasReplica('default', 0, signal)).toBe(false);
  name(replica);
  expect(await acquire('two')).toMatchObject({ url });
});
