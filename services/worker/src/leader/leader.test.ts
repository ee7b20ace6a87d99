import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { type Duty, Leader } from './leader.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const leaseMs = 300;
const duty = (run: () => Promise<void>, name = 'duty'): Duty => ({ name, everyMs: 0, run });

function installation() {
  const keys = redisKeys(randomUUID());
  const start = (workerName: string, duties: readonly Duty[], isRight = () => true) => {
    const clock = {
      now: Date.now,
      get isRight() {
        return isRight();
      },
    };
    const leader = new Leader({ redis, keys, workerName, duties, clock, logger, leaseMs, tickMs: 20 });
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
  test('keeps its lease while a duty takes longer than the lease', async () => {
    const { keys, start } = installation();
    const ran: string[] = [];
    const slow = duty(async () => {
      ran.push('first');
      await sleep(4 * leaseMs);
    });
    start('first', [slow]);
    await vi.waitUntil(() => ran.length > 0);
    start('second', [duty(async () => void ran.push('second'))]);
    await vi.waitUntil(() => ran.length > 1, { timeout: 10_000 });
    expect(ran).toEqual(['first', 'first']);
    expect(await redis.get(keys.leader)).toBe('first');
  });

  test('is followed by another worker once it stops, or is gone', async () => {
    const { keys, start } = installation();
    const first = start('first', []);
    await vi.waitUntil(() => first.leader.leading);
    const second = start('second', []);
    await first.stop();
    await vi.waitUntil(() => second.leader.leading);
    await second.stop();
    expect(await redis.get(keys.leader)).toBeNull();
    await redis.set(keys.leader, 'a worker that was killed', 'PX', leaseMs);
    const third = start('third', []);
    await vi.waitUntil(() => third.leader.leading);
  });

  test('neither prolongs nor ends a lease that another worker holds', async () => {
    const { keys, start } = installation();
    const first = start('first', []);
    await vi.waitUntil(() => first.leader.leading);
    await redis.set(keys.leader, 'other', 'PX', 60_000);
    await vi.waitUntil(() => !first.leader.leading);
    await first.stop();
    expect(await redis.get(keys.leader)).toBe('other');
    expect(await redis.pttl(keys.leader)).toBeGreaterThan(10_000);
  });

  test('begins no further duty once it has lost the lease', async () => {
    const { keys, start } = installation();
    const ran: string[] = [];
    const losing = async () => {
      ran.push('losing');
      await redis.set(keys.leader, 'other', 'PX', 60_000);
      await vi.waitUntil(() => !first.leader.leading);
    };
    const first = start('first', [duty(losing, 'losing'), duty(async () => void ran.push('next'), 'next')]);
    await vi.waitUntil(() => ran.length > 0 && !first.leader.leading);
    await first.stop();
    expect(ran).toEqual(['losing']);
  });

  test('takes no lease while the clock of its machine is off', async () => {
    const { keys, start } = installation();
    let isRight = false;
    const first = start('first', [], () => isRight);
    await vi.waitUntil(async () => (await redis.zscore(keys.workers, 'first')) !== null);
    expect(first.leader.leading).toBe(false);
    isRight = true;
    await vi.waitUntil(() => first.leader.leading);
  });

  test('does its other duties when one fails', async () => {
    const { start } = installation();
    let ran = 0;
    start('first', [
      duty(() => Promise.reject(new Error('no')), 'fails'),
      duty(async () => void ran++, 'works'),
    ]);
    await vi.waitUntil(() => ran > 1);
  });
});
