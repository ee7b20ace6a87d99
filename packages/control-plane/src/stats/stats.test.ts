import { randomUUID } from 'node:crypto';
import { redisKeys } from '@slipway/shared/redis';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { replicaId } from '../replicas/index.js';
import { bucketOf, quantile } from './histogram.js';
import { MinuteCounts } from './minute-counts.js';
import { StatsStore } from './stats-store.js';

const minuteMs = 60_000;
const start = 30_000_000 * minuteMs;

describe('the histogram', () => {
  it('has quantiles that are at most half off', () => {
    const times = fc.array(fc.integer({ min: 10, max: 80_000_000 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(times, fc.constantFrom(0.5, 0.95, 1), (all, share) => {
        const counts = new Map<number, number>();
        for (const ms of all) counts.set(bucketOf(ms), (counts.get(bucketOf(ms)) ?? 0) + 1);
        const exact = all.toSorted((a, b) => a - b)[Math.ceil(share * all.length) - 1] as number;
        const found = quantile(counts, share) as number;
        expect(found / exact).toBeGreaterThan(1 / 1.51);
        expect(found / exact).toBeLessThan(1.51);
      }),
    );
  });

  it('has no quantile without times, and counts times out of range at its ends', () => {
    expect(quantile(new Map(), 0.5)).toBeUndefined();
    expect(bucketOf(-1)).toBe(0);
    expect(bucketOf(Number.NaN)).toBe(0);
    expect(bucketOf(1e12)).toBe(bucketOf(1e13));
  });
});

describe('the series', () => {
  let redis: Redis;
  let now: number;
  const keys = () => redisKeys(prefix);
  let prefix: string;
  beforeEach(() => {
    redis = new Redis(inject('redisUrl'));
    prefix = `stats-${randomUUID()}`;
    now = start;
  });
  afterEach(() => redis.disconnect());
  const create = () => ({
    counts: new MinuteCounts({ now: () => now }),
    store: new StatsStore({ redis, keys: keys() }),
  });

  it('add up the counts of several workers by minute, pool and replica', async () => {
    const [one, other] = [create(), create()];
    one.counts.waiting('default', 3);
    other.counts.waiting('default', 4);
    one.counts.started('default', 100);
    one.counts.built('default', 300);
    one.counts.jobEnded('default', 'succeeded');
    one.counts.placed('http://a:1', 'http://a:1');
    one.counts.placed('http://a:1', 'http://b:1');
    one.counts.called({ replica: 'http://a:1', outcome: 'succeeded' });
    other.counts.built('default', 100);
    other.counts.jobEnded('default', 'failed');
    other.counts.jobEnded('arm', 'canceled');
    other.counts.called({ replica: 'http://a:1', outcome: 'failed' });
    other.counts.called({ replica: 'http://a:1', outcome: 'refused' });
    other.counts.called({ replica: 'http://a:1', outcome: 'fault' });
    now += minuteMs;
    other.counts.jobEnded('default', 'succeeded');
    for (const { store, counts } of [one, other]) await store.add(counts.take());
    const { step, times, pools, replicas } = await one.store.read(3, now);
    expect({ step, times }).toEqual({ step: 1, times: [start - minuteMs, start, now] });
    expect(pools.get('default')).toMatchObject([
      { succeeded: 0, queued_mean: undefined, started: 0, wait_p50_ms: undefined, build_mean_ms: undefined },
      { succeeded: 1, failed: 1, canceled: 0, queued_mean: 3.5, started: 1, builds: 2, build_mean_ms: 200 },
      { succeeded: 1, failed: 0 },
    ]);
    expect(pools.get('default')?.[1]?.wait_p95_ms).toBeGreaterThan(66);
    expect(pools.get('default')?.[1]?.wait_p95_ms).toBeLessThan(150);
    expect(pools.get('arm')?.map(({ canceled }) => canceled)).toEqual([0, 1, 0]);
    expect(replicas.get(replicaId('http://a:1'))?.[1]).toEqual({
      builds: 2,
      failures: 1,
      refusals: 1,
      faults: 1,
      placed: 2,
      placed_home: 1,
    });
  });

  it('of a day have points of several minutes, which begin at the same times in a later reading', async () => {
    const { store, counts } = create();
    for (let minute = 0; minute < 24; minute++) {
      counts.jobEnded('default', 'succeeded');
      now += minuteMs;
      await store.add(counts.take());
    }
    const day = await store.read(1440, now);
    expect(day.step).toBe(12);
    expect(day.times.length).toBe(120);
    expect(day.times.at(-1)).toBe(start + 24 * minuteMs);
    expect(
      day.pools
        .get('default')
        ?.map(({ succeeded }) => succeeded)
        .slice(-3),
    ).toEqual([12, 12, 0]);
    const later = await store.read(1440, now + 5 * minuteMs);
    expect(later.times).toEqual(day.times);
  });

  it('expire after a day', async () => {
    const { store, counts } = create();
    counts.jobEnded('default', 'succeeded');
    await store.add(counts.take());
    const ttl = await redis.ttl(keys().minute(String(start / minuteMs)));
    expect(ttl).toBeGreaterThan(24 * 3600);
    expect(ttl).toBeLessThanOrEqual(25 * 3600);
  });

  it('keep at most a quarter of an hour in a process that cannot write them', () => {
    const { counts } = create();
    for (let minute = 0; minute < 100; minute++) {
      counts.jobEnded('default', 'succeeded');
      now += minuteMs;
    }
    expect(counts.take().size).toBe(15);
    expect(counts.take().size).toBe(0);
  });
});
