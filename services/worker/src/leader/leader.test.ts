import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { Leader, type LeaderTask } from './leader.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const leaseMs = 1_000;
const task = (run: LeaderTask['run'], name = 'task'): LeaderTask => ({ name, everyMs: 0, run });
/** Resolves when the signal aborts. */
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

function installation() {
  const keys = redisKeys(randomUUID());
  const start = (workerName: string, tasks: readonly LeaderTask[], isRight = () => true) => {
    const clock = {
      now: Date.now,
      get isRight() {
        return isRight();
      },
    };
    const leader = new Leader({ redis, keys, workerName, tasks, clock, logger, leaseMs, tickMs: 20 });
    const stopping = new AbortController();
    const running = leader.run(stopping.signal);
    const stop = async () => {
      stopping.abort();
      await running;
    };
    onTestFinished(stop);
    return { leader, stop };
  };
  return { keys, start };
}

describe('the leader', () => {
  test('keeps its lease while a task takes longer than the lease', async () => {
    const { keys, start } = installation();
    const ran: string[] = [];
    const slow = task(async () => {
      ran.push('first');
      await sleep(1.5 * leaseMs);
    });
    start('first', [slow]);
    await expect.poll(() => ran.length > 0).toBe(true);
    start('second', [task(async () => void ran.push('second'))]);
    await expect.poll(() => ran.length > 1).toBe(true);
    expect(ran).toEqual(['first', 'first']);
    expect(await redis.get(keys.leader)).toBe('first');
  });

  test('that stops does the other tasks until its last task with the store has ended, and then hands over', async () => {
    const { keys, start } = installation();
    const ran: string[] = [];
    let end = () => {};
    const inStore = new Promise<void>((resolve) => {
      end = resolve;
    });
    const slow = { ...task(() => inStore.finally(() => void ran.push('store'))), usesStore: true };
    const first = start('first', [slow, task(async () => void ran.push('other'), 'other')]);
    await expect.poll(() => ran).toContain('other');
    const stopped = first.stop();
    const before = ran.length;
    await expect.poll(() => ran.length).toBeGreaterThan(before + 1);
    expect(await redis.get(keys.leader)).toBe('first');
    end();
    await stopped;
    expect(ran).toContain('store');
    expect(await redis.get(keys.leader)).toBeNull();
  });

  test('is followed by another worker once it stops, or is gone', async () => {
    const { keys, start } = installation();
    const first = start('first', []);
    await expect.poll(() => first.leader.leading).toBe(true);
    const second = start('second', []);
    await first.stop();
    await expect.poll(() => second.leader.leading).toBe(true);
    await second.stop();
    expect(await redis.get(keys.leader)).toBeNull();
    await redis.set(keys.leader, 'a worker that was killed', 'PX', leaseMs);
    const third = start('third', []);
    await expect.poll(() => third.leader.leading).toBe(true);
  });

  test('neither prolongs nor ends a lease that another worker holds', async () => {
    const { keys, start } = installation();
    const first = start('first', []);
    await expect.poll(() => first.leader.leading).toBe(true);
    await redis.set(keys.leader, 'other', 'PX', 60_000);
    await expect.poll(() => !first.leader.leading).toBe(true);
    await first.stop();
    expect(await redis.get(keys.leader)).toBe('other');
    expect(await redis.pttl(keys.leader)).toBeGreaterThan(10_000);
  });

  test('does the other tasks while one of them takes long, with the store or without', async () => {
    const { start } = installation();
    const counts = { slow: 0, store: 0, other: 0 };
    const [slow, store] = (['slow', 'store'] as const).map((name) =>
      task((signal) => {
        counts[name]++;
        return aborted(signal);
      }, name),
    ) as [LeaderTask, LeaderTask];
    start('first', [slow, { ...store, usesStore: true }, task(async () => void counts.other++, 'other')]);
    await expect.poll(() => counts.other).toBeGreaterThan(3);
    expect(counts).toMatchObject({ slow: 1, store: 1 });
  });

  test('stops the runs of its tasks when it has lost the lease, and begins no other run', async () => {
    const { keys, start } = installation();
    const ran: string[] = [];
    const long = task(async (signal) => {
      ran.push('begun');
      await aborted(signal);
      ran.push('stopped');
    });
    const first = start('first', [long]);
    await expect.poll(() => ran).toEqual(['begun']);
    await redis.set(keys.leader, 'other', 'PX', 60_000);
    await expect.poll(() => ran).toEqual(['begun', 'stopped']);
    expect(first.leader.leading).toBe(false);
    await first.stop();
    expect(ran).toEqual(['begun', 'stopped']);
  });

  test('stops the runs of its tasks when it cannot renew the lease in time', async () => {
    const { keys, start } = installation();
    const ran: string[] = [];
    start('first', [
      task(async (signal) => {
        ran.push('begun');
        await aborted(signal);
        ran.push('stopped');
      }),
    ]);
    await expect.poll(() => ran).toEqual(['begun']);
    // Every renewal fails from now on.
    await redis.multi().del(keys.leader).hset(keys.leader, 'no', 'string').exec();
    await expect.poll(() => ran, { timeout: 10 * leaseMs }).toEqual(['begun', 'stopped']);
  });

  test('never runs a task twice at once, also when it loses the lease and takes it again', async () => {
    const { keys, start } = installation();
    let [running, most, runs] = [0, 0, 0];
    let end = () => {};
    const untilEnd = new Promise<void>((resolve) => {
      end = resolve;
    });
    const deaf = task(async () => {
      runs++;
      most = Math.max(most, ++running);
      await untilEnd;
      running--;
    });
    const first = start('first', [deaf]);
    await expect.poll(() => runs).toBe(1);
    await redis.set(keys.leader, 'other', 'PX', 60_000);
    await expect.poll(() => first.leader.leading).toBe(false);
    await redis.del(keys.leader);
    await expect.poll(() => first.leader.leading).toBe(true);
    end();
    await expect.poll(() => runs).toBeGreaterThan(2);
    expect(most).toBe(1);
  });

  test('that stops stops its runs first, and gives the lease back after them', async () => {
    const { keys, start } = installation();
    const begun = new Set<string>();
    const ran: string[] = [];
    const ending = (name: string, usesStore: boolean): LeaderTask => ({
      ...task(async (signal) => {
        begun.add(name);
        await aborted(signal);
        ran.push(`${name} ${await redis.get(keys.leader)}`);
      }, name),
      usesStore,
    });
    const first = start('first', [ending('other', false), ending('store', true)]);
    await expect.poll(() => begun.size).toBe(2);
    await first.stop();
    expect(ran).toEqual(['store first', 'other first']);
    expect(await redis.get(keys.leader)).toBeNull();
  });

  test('takes no lease while the clock of its machine is off', async () => {
    const { keys, start } = installation();
    let isRight = false;
    const first = start('first', [], () => isRight);
    await expect.poll(() => redis.zscore(keys.workers, 'first')).not.toBeNull();
    expect(first.leader.leading).toBe(false);
    isRight = true;
    await expect.poll(() => first.leader.leading).toBe(true);
  });

  test('does its other tasks when one fails', async () => {
    const { start } = installation();
    let ran = 0;
    start('first', [
      task(() => Promise.reject(new Error('no')), 'fails'),
      task(async () => void ran++, 'works'),
    ]);
    await expect.poll(() => ran > 1).toBe(true);
  });
});
