import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplicaState } from './registry.js';
import { type PoolDemand, targetOf, wantedReplicas } from './wanted.js';

const none: PoolDemand = { meanBuildMs: undefined, running: 0, builds: [], ready: [], rooms: new Map() };
const minute = 60_000;
const target = { drainMs: 5 * minute, slots: 4 };
const jobs = (count: number, expectedMs: number | undefined = minute, tenant = 'default') =>
  Array.from({ length: count }, () => ({ tenant, expectedMs, weight: 1 }));
const builds = (count: number, elapsedMs = 0, expectedMs: number | undefined = minute) =>
  Array.from({ length: count }, () => ({ expectedMs, elapsedMs }));

describe('the wanted replicas', () => {
  it.each([
    ['nothing waits or runs', none, 0],
    ['one job waits', { ...none, ready: jobs(1) }, 1],
    ['20 jobs of a minute fit into 4 slots for 5 minutes', { ...none, ready: jobs(20) }, 1],
    ['21 jobs need a fifth slot', { ...none, ready: jobs(21) }, 2],
    ['a job beyond the target takes one slot, not several', { ...none, ready: jobs(4, 60 * minute) }, 1],
    ['builds run, each on its slot', { ...none, running: 9, builds: builds(9, minute) }, 3],
    [
      'new jobs find slots that are about to be free',
      { ...none, running: 4, builds: builds(4, minute), ready: jobs(20) },
      1,
    ],
    [
      'builds that take longer than expected keep their slots',
      { ...none, running: 4, builds: builds(4, 6 * minute), ready: jobs(1) },
      2,
    ],
  ] as const)('when %s', (_what, demand, replicas) => {
    expect(wantedReplicas(demand, target)).toBe(replicas);
  });

  it('take the mean of the pool for a function that was never built, and a minute before the first build', () => {
    const ready = jobs(40, undefined).map((job) => ({ ...job, expectedMs: undefined }));
    expect(wantedReplicas({ ...none, ready }, target)).toBe(2);
    expect(wantedReplicas({ ...none, ready, meanBuildMs: 5 * minute }, target)).toBe(10);
  });

  it('ignore jobs beyond the limit of their tenant', () => {
    const ready = [...jobs(40, 5 * minute, 'a'), ...jobs(4, 5 * minute, 'b')];
    expect(wantedReplicas({ ...none, ready }, target)).toBe(11);
    expect(wantedReplicas({ ...none, ready, rooms: new Map([['a', 4]]) }, target)).toBe(2);
    expect(wantedReplicas({ ...none, ready: jobs(9), rooms: new Map([['default', 0]]) }, target)).toBe(0);
  });
});

describe('the slots of a replica', () => {
  const pool = { name: 'arm', platforms: [], slots: 4, drainMs: minute };
  const replica = (limit: number, more: object = {}) =>
    ({ pool: 'arm', limit, draining: false, health: 'up', readiness: 'ready', ...more }) as ReplicaState;

  it('are those of the configuration while the pool has no replica, and then the mean of its replicas', () => {
    expect(targetOf(pool, [])).toEqual({ drainMs: minute, slots: 4 });
    expect(targetOf(pool, [replica(2), replica(3)])).toEqual({ drainMs: minute, slots: 2.5 });
    expect(targetOf({ name: 'arm', platforms: [] }, [])).toEqual({ drainMs: 5 * minute, slots: undefined });
  });

  it.each([
    ['of another pool', { pool: 'amd' }],
    ['that is down', { health: 'down' }],
    ['that an operator drains', { draining: true }],
    ['that shuts down', { readiness: 'draining' }],
  ])('are not those of a replica %s', (_what, more) => {
    expect(targetOf(pool, [replica(9, more), replica(2)]).slots).toBe(2);
  });
});

const ms = fc.integer({ min: 0, max: 20 * minute });
const expected = fc.option(ms, { nil: undefined });
const tenant = fc.constantFrom('a', 'b', 'c');
const demands: fc.Arbitrary<PoolDemand> = fc
  .record({
    meanBuildMs: expected,
    builds: fc.array(fc.record({ expectedMs: expected, elapsedMs: ms }), { maxLength: 30 }),
    ready: fc.array(fc.record({ tenant, expectedMs: expected, weight: fc.constant(1) }), { maxLength: 60 }),
    rooms: fc.array(fc.tuple(tenant, fc.nat(20))).map((rooms) => new Map(rooms)),
  })
  .map((demand) => ({ ...demand, running: demand.builds.length }));
const targets = fc.record({
  drainMs: fc.integer({ min: 1_000, max: 60 * minute }),
  slots: fc.integer({ min: 1, max: 16 }),
});

/** Jobs that may run within the limits of their tenants. */
const startable = ({ ready, rooms }: PoolDemand) =>
  ['a', 'b', 'c'].reduce((total, name) => {
    const count = ready.filter((job) => job.tenant === name).length;
    return total + Math.min(count, rooms.get(name) ?? count);
  }, 0);

describe('for every demand the wanted replicas', () => {
  const holds = (check: (demand: PoolDemand, to: { drainMs: number; slots: number }) => void) =>
    fc.assert(fc.property(demands, targets, check));

  it('hold the running builds, and no more than what runs and may run', () => {
    holds((demand, to) => {
      const wanted = wantedReplicas(demand, to);
      expect(wanted).toBeGreaterThanOrEqual(Math.ceil(demand.running / to.slots));
      expect(wanted).toBeLessThanOrEqual(Math.ceil((demand.running + startable(demand)) / to.slots));
      expect(wanted > 0).toBe(demand.running + startable(demand) > 0);
    });
  });

  it('stay or grow with a new job, and with a shorter target', () => {
    holds((demand, to) => {
      const wanted = wantedReplicas(demand, to);
      const more = { ...demand, ready: [...demand.ready, { tenant: 'new', expectedMs: minute, weight: 1 }] };
      expect(wantedReplicas(more, to)).toBeGreaterThanOrEqual(wanted);
      expect(wantedReplicas(demand, { ...to, drainMs: to.drainMs / 2 })).toBeGreaterThanOrEqual(wanted);
    });
  });

  it('stay the same when jobs start, unless the builds alone need more', () => {
    holds(({ rooms: _limits, ...rest }, to) => {
      const demand = { ...rest, rooms: new Map<string, number>() };
      const [first, ...ready] = demand.ready;
      if (!first) return;
      const started = [...demand.builds, { expectedMs: first.expectedMs, elapsedMs: 0 }];
      const after = { ...demand, ready, builds: started, running: started.length };
      const wanted = Math.max(wantedReplicas(demand, to), Math.ceil(started.length / to.slots));
      expect(wantedReplicas(after, to)).toBe(wanted);
    });
  });

  it('stay or shrink while builds go on as expected, and when one ends', () => {
    holds((demand, to) => {
      const usualMs = demand.meanBuildMs ?? minute;
      const builds = demand.builds.map(({ expectedMs = usualMs, elapsedMs }) => ({
        expectedMs,
        elapsedMs: Math.min(elapsedMs, expectedMs),
      }));
      const before = { ...demand, builds };
      const later = {
        ...demand,
        builds: builds.map((build) => ({
          ...build,
          elapsedMs: Math.min(build.expectedMs, build.elapsedMs + 10_000),
        })),
      };
      expect(wantedReplicas(later, to)).toBeLessThanOrEqual(wantedReplicas(before, to));
      const ended = { ...demand, builds: builds.slice(1), running: Math.max(0, demand.running - 1) };
      expect(wantedReplicas(ended, to)).toBeLessThanOrEqual(wantedReplicas(before, to));
    });
  });

  it('are the same for a job that stands for several as for these', () => {
    fc.assert(
      fc.property(demands, targets, fc.integer({ min: 1, max: 5 }), (demand, to, weight) => {
        const several = { ...demand, ready: demand.ready.map((job) => ({ ...job, weight })) };
        const each = { ...demand, ready: demand.ready.flatMap((job) => Array(weight).fill(job)) };
        expect(wantedReplicas(several, to)).toBe(wantedReplicas(each, to));
      }),
    );
  });
});
