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
const task = (run: () => Promise<void>, name = 'task'): LeaderTask => ({ name, everyMs: 0, run });

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

  test('begins no further task once it has lost the lease', async () => {
    const { keys, start } = installation();
    const ran: string[] = [];
    const losing = async () => {
      ran.push('losing');
      await redis.set(keys.leader, 'other', 'PX', 60_000);
      await expect.poll(() => !first.leader.leading).toBe(true);
    };
    const first = start('first', [task(losing, 'losing'), task(async () => void ran.push('next'), 'next')]);
    await expect.poll(() => ran.length > 0 && !first.leader.leading).toBe(true);
    await first.stop();
    expect(ran).toEqual(['losing']);
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
