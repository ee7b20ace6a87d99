import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBuildQueues, queueKeys } from '@slipway/control-plane/queues';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { afterAll, afterEach, describe, expect, inject, it } from 'vitest';
import { Consumer } from './consumer.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
afterAll(() => cleanups.run(logger));

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

interface Options {
  readonly concurrency?: number;
  readonly responsive?: () => Promise<void>;
  readonly lookEveryMs?: number;
  readonly hasReplica?: (waitMs: number) => Promise<boolean>;
  readonly handle: (id: string) => Promise<number | undefined>;
}

/** A consumer of a queue of its own. */
function consumer({
  concurrency = 100,
  responsive = async () => undefined,
  lookEveryMs = 1_000,
  hasReplica = async () => true,
  handle,
}: Options) {
  const keys = redisKeys(`consumer-${randomUUID()}`);
  const redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'patient' });
  const builds = createBuildQueues({ redis, keys });
  const made = new Consumer({
    ...{ pool: 'default', redis, keys, logger, concurrency, lookEveryMs, hasReplica, handle },
    now: Date.now,
    eventLoop: { responsive },
    renewal: { started: async () => undefined, holdLock: () => () => undefined },
    lockDurationMs: 60_000,
    stalledIntervalMs: 60_000,
    onStop: () => undefined,
  });
  const stop = new AbortController();
  const count = (state: string) =>
    state === 'active'
      ? redis.llen(`${queueKeys(keys, 'default')}active`)
      : redis.zcard(`${queueKeys(keys, 'default')}${state}`);
  return {
    count,
    /** Limits the jobs that all workers hold together. */
    limit: (jobs: number) => builds.limit('default', jobs),
    add: (ids: readonly string[]) => builds.add(ids.map((id) => ({ id, pool: 'default', priority: 1 }))),
    start() {
      const running = made.run(stop.signal);
      stops.push(async () => {
        stop.abort();
        await running;
      });
    },
    async stop() {
      await Promise.all(stops.splice(0).map((each) => each()));
    },
  };
}

const ids = (count: number) => Array.from({ length: count }, () => newId('job'));

describe('the consumer of a pool', () => {
  it('begins to handle a job before it takes all the others', async () => {
    let activeAtFirst: number | undefined;
    const made = consumer({
      async handle() {
        activeAtFirst ??= await made.count('active');
        return undefined;
      },
    });
    await made.add(ids(100));
    made.start();
    await expect.poll(() => activeAtFirst).toBeLessThan(10);
    await expect.poll(() => made.count('prioritized')).toBe(0);
  });

  it('holds no more jobs than it may, and takes the next ones when those end', async () => {
    let held = 0;
    let most = 0;
    const release: (() => void)[] = [];
    const made = consumer({
      concurrency: 3,
      async handle() {
        most = Math.max(most, ++held);
        await new Promise<void>((resolve) => release.push(resolve));
        held--;
        return undefined;
      },
    });
    await made.add(ids(7));
    made.start();
    for (let ended = 0; ended < 7; ended++) {
      await expect.poll(() => release.length).toBeGreaterThan(0);
      release.shift()?.();
    }
    await expect.poll(() => made.count('active')).toBe(0);
    expect(most).toBe(3);
  });

  it('takes the next job when one ends at the limit of the fleet, without a wait in Redis', async () => {
    let handled = 0;
    const made = consumer({
      lookEveryMs: 10_000,
      async handle(id) {
        // The consumer waits in Redis by then.
        await sleep(20);
        handled++;
        return id === later ? 600_000 : undefined;
      },
    });
    const all = ids(20);
    const later = all[7];
    await made.limit(1);
    await made.add(all);
    made.start();
    await expect.poll(() => handled).toBe(20);
  });

  it('takes one job at a time without a replica, and leaves others to workers that have one', async () => {
    const waits: (() => void)[] = [];
    const handled: string[] = [];
    const made = consumer({
      lookEveryMs: 50,
      async hasReplica(waitMs) {
        if (waitMs > 0) await new Promise<void>((resolve) => waits.push(resolve));
        return false;
      },
      async handle(id) {
        handled.push(id);
        return 600_000;
      },
    });
    await made.add(ids(3));
    made.start();
    for (let turn = 1; turn <= 3; turn++) {
      await expect.poll(() => waits.length).toBe(1);
      expect(handled).toHaveLength(turn - 1);
      waits.shift()?.();
      await expect.poll(() => handled.length).toBe(turn);
    }
    await expect.poll(() => waits.length).toBe(1);
    waits.shift()?.();
  });

  it('takes no job while the event loop lags', async () => {
    let isOver: () => void = () => undefined;
    const lag = new Promise<void>((resolve) => {
      isOver = resolve;
    });
    const handled: string[] = [];
    let asked = false;
    const made = consumer({
      async responsive() {
        asked = true;
        await lag;
      },
      async handle(id) {
        handled.push(id);
        return undefined;
      },
    });
    await made.add(ids(2));
    made.start();
    await expect.poll(() => asked).toBe(true);
    expect(await made.count('prioritized')).toBe(2);
    expect(handled).toEqual([]);
    isOver();
    await expect.poll(() => handled.length).toBe(2);
  });

  it('returns a job to the queue for later, and removes one whose handler fails', async () => {
    const [later, broken] = ids(2) as [string, string];
    const made = consumer({
      async handle(id) {
        if (id === later) return 600_000;
        throw new Error('broken');
      },
    });
    await made.add([later, broken]);
    made.start();
    await expect.poll(() => made.count('delayed')).toBe(1);
    await expect.poll(async () => (await made.count('active')) + (await made.count('prioritized'))).toBe(0);
    expect(await made.count('failed')).toBe(0);
  });

  it('waits at its stop for the jobs in hand', async () => {
    let release: () => void = () => undefined;
    let ended = false;
    const made = consumer({
      async handle() {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        ended = true;
        return undefined;
      },
    });
    await made.add(ids(1));
    made.start();
    await expect.poll(() => made.count('active')).toBe(1);
    const stopped = made.stop();
    release();
    await stopped;
    expect(ended).toBe(true);
    expect(await made.count('active')).toBe(0);
  });
});
