import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ReplicaOutcome } from './ledger.js';
import { fleetCapacity, replicaId } from './registry.js';
import { fleetOf } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const announced = { url: 'a', max: 4, pool: 'default', platforms: [] };

describe('a limit that is not configured', () => {
  it('is learned exactly from refusals, and not tried again at once', async () => {
    const { fill, ledger, state } = await fleetOf(redis, { a: undefined });
    const truth = 2;
    for (let round = 0; round < 10; round++) {
      const leases = await fill();
      for (const [at, lease] of leases.entries()) {
        await ledger.free(lease, at < truth ? 'ok' : 'busy');
      }
    }
    expect(await state('a')).toMatchObject({ limit: truth, refusals: 2 });
  });

  it('grows while the replica takes all builds', async () => {
    const { fill, ledger, state } = await fleetOf(redis, { a: undefined });
    for (let round = 0; round < 40; round++) for (const lease of await fill()) await ledger.free(lease, 'ok');
    expect((await state('a')).limit).toBe(16);
  });

  it('is not lowered by one refusal of a number that the replica has taken before', async () => {
    const { fill, acquire, ledger, state } = await fleetOf(redis, { a: 3 });
    for (const lease of await fill()) await ledger.free(lease, 'ok');
    const end = async (outcome: ReplicaOutcome) => {
      const lease = await acquire();
      if (lease) await ledger.free(lease, outcome);
    };
    await end('busy');
    await end('busy');
    await end('ok');
    await end('busy');
    expect((await state('a')).limit).toBe(3);
  });
});

describe('a circuit', () => {
  const opened = async () => {
    const made = await fleetOf(redis, { a: 4 });
    const changes: (string | undefined)[] = [];
    for (let at = 0; at < 3; at++) {
      const lease = await made.acquire();
      if (lease) changes.push(await made.ledger.free(lease, 'fault'));
    }
    expect(changes).toEqual([undefined, undefined, 'opened']);
    /** Ends the time for which the circuit is open. */
    const elapse = () => made.elapse('a', 'open_until');
    return { ...made, elapse };
  };

  it('opens after three faults in a row, then takes one probe, which closes it', async () => {
    const { acquire, ledger, state, elapse, registry } = await opened();
    expect(await acquire()).toBeUndefined();
    expect((await state('a')).circuit).toBe('open');
    expect(fleetCapacity(await registry.list())).toBe(0);
    await elapse();
    const probe = await acquire();
    expect(probe).toBeDefined();
    expect(await acquire()).toBeUndefined();
    expect((await state('a')).circuit).toBe('probing');
    expect(probe && (await ledger.free(probe, 'ok'))).toBe('closed');
    expect((await state('a')).circuit).toBe('closed');
    expect(await acquire()).toBeDefined();
  });

  it('opens again, for longer, when the probe fails', async () => {
    const { acquire, ledger, state, elapse, keys } = await opened();
    const first = Number(await redis.hget(keys.replica('a'), 'open_until'));
    await elapse();
    const probe = await acquire();
    if (probe) await ledger.free(probe, 'fault');
    expect((await state('a')).circuit).toBe('open');
    expect(Number(await redis.hget(keys.replica('a'), 'open_until'))).toBeGreaterThan(first);
  });

  it('opens at the first report of a dead engine, and is probed at once when the replica is ready again', async () => {
    const { acquire, ledger, state, registry, keys } = await fleetOf(redis, { a: 4 });
    const leases = [await acquire(), await acquire()];
    const changes = [];
    for (const lease of leases) changes.push(lease && (await ledger.free(lease, 'broken')));
    expect(changes).toEqual(['opened', undefined]);
    expect(await state('a')).toMatchObject({ circuit: 'open', faults: 2 });
    expect(await redis.hget(keys.replica('a'), 'opens')).toBe('1');
    await registry.setReadiness('a', 'broken');
    expect((await state('a')).circuit).toBe('open');
    expect(await registry.setReadiness('a', 'ready')).toBe('broken');
    expect((await state('a')).circuit).toBe('probing');
    expect(await acquire()).toBeDefined();
    expect(await acquire()).toBeUndefined();
  });

  it('stays closed while a replica drains, although the replica gets no builds', async () => {
    const { acquire, ledger, state, registry } = await fleetOf(redis, { a: 4 });
    for (let at = 0; at < 4; at++) {
      const lease = await acquire();
      if (lease) await ledger.free(lease, 'draining');
      await registry.setReadiness('a', 'ready');
    }
    expect(await state('a')).toMatchObject({ circuit: 'closed', faults: 0 });
    const lease = await acquire();
    if (lease) await ledger.free(lease, 'draining');
    expect(await acquire()).toBeUndefined();
    expect((await state('a')).readiness).toBe('draining');
  });

  it('keeps the report that a replica is broken when the replica also refuses a build because it drains', async () => {
    const { acquire, ledger, state, registry } = await fleetOf(redis, { a: 4 });
    const lease = await acquire();
    await registry.setReadiness('a', 'broken', 'no engine');
    if (lease) await ledger.free(lease, 'draining');
    // The health checks record the same finding again only after a while, so the mark of five seconds would leave nothing.
    expect(await state('a')).toMatchObject({ readiness: 'broken', readinessReason: 'no engine' });
  });

  it.each<[string, (fleet: Awaited<ReturnType<typeof fleetOf>>) => Promise<unknown>]>([
    ['says that it drains', ({ registry }) => registry.setReadiness('a', 'draining')],
    ['is drained by an operator', ({ registry }) => registry.setDraining(replicaId('a'), true)],
    ['is ended by Kubernetes', ({ registry }) => registry.announce([{ ...announced, isLeaving: true }])],
    ['is found by no worker any more', ({ keys }) => redis.zadd(keys.replicas, Date.now() - 20_000, 'a')],
    ['is retired', ({ registry }) => registry.retire(['a'])],
  ])('is not for faults of a replica that %s, which goes away', async (_how, leave) => {
    const fleet = await fleetOf(redis, { a: 4 });
    expect(await fleet.registry.isLeaving('a')).toBe(false);
    await leave(fleet);
    expect(await fleet.registry.isLeaving('a')).toBe(true);
  });

  it('is not opened by faults with successes between them', async () => {
    const { acquire, ledger, state } = await fleetOf(redis, { a: 1 });
    for (const outcome of ['fault', 'fault', 'ok', 'fault', 'fault', 'ok'] as const) {
      const lease = await acquire();
      if (lease) await ledger.free(lease, outcome);
    }
    expect((await state('a')).circuit).toBe('closed');
  });
});
