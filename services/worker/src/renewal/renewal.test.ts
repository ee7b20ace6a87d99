import { randomUUID } from 'node:crypto';
import { ReplicaRegistry, SlotLedger } from '@slipway/control-plane/replicas';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { Queue, Worker } from 'bullmq';
import { afterAll, afterEach, describe, expect, inject, it } from 'vitest';
import { Renewal } from './renewal.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});
afterAll(() => cleanups.run(logger));

const url = 'http://replica:8081';
/** Longer than any lock here. */
const longMs = 3_600_000;

/** A worker with a queue of BullMQ, and a replica with two slots. */
async function worker(lockDurationMs: number) {
  const redisPrefix = `renewal-${randomUUID()}`;
  const keys = redisKeys(redisPrefix);
  const redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'patient' });
  const renewal = new Renewal({
    config: { redisUrl: inject('redisUrl'), redisPrefix, lockDurationMs },
    logger,
  });
  const ledger = new SlotLedger({ redis, keys });
  await new ReplicaRegistry({ redis, keys }).announce([{ url, max: 2, pool: 'default', platforms: [] }]);
  const queue = new Queue('builds', { connection: redis, prefix: keys.bullPrefix });
  const bull = new Worker('builds', null, {
    ...{ connection: redis, prefix: keys.bullPrefix, lockDuration: lockDurationMs },
  });
  cleanups.defer('queue', async () => {
    await bull.close(true);
    await queue.close();
  });
  const stop = new AbortController();
  return {
    renewal,
    redis,
    keys,
    /** Takes a job from BullMQ. */
    async lock() {
      await queue.add('job', {});
      const token = randomUUID();
      const job = await bull.getNextJob(token);
      const id = job?.id ?? '';
      return { id, token, queue: queue.toKey(''), key: `${queue.toKey(id)}:lock` };
    },
    /** Takes a slot. */
    async lease() {
      const request = { id: randomUUID(), pool: 'default', preference: [url], suspect: false };
      const requestedAt = performance.now();
      const [reply] = await ledger.acquire([request], lockDurationMs);
      if (!reply?.lease) throw new Error('no slot');
      return { lease: reply.lease, hold: () => renewal.holdLease(reply.lease, requestedAt) };
    },
    free: (lease: Parameters<SlotLedger['free']>[0]) => ledger.free(lease, 'none'),
    async run() {
      const running = renewal.run(stop.signal);
      stops.push(async () => {
        stop.abort();
        await running;
      });
      await renewal.started(stop.signal);
    },
  };
}

describe('a worker', () => {
  it('renews the locks of BullMQ and the slots that it holds, until it releases them', async () => {
    const made = await worker(1_500);
    await made.run();
    const [kept, released] = [await made.lock(), await made.lock()];
    const { lease, hold } = await made.lease();
    await made.redis.pexpire(released.key, longMs);
    // As the check of BullMQ marks jobs whose locks it looks at next.
    await made.redis.sadd(`${kept.queue}stalled`, kept.id);
    made.renewal.holdLock(kept);
    made.renewal.holdLock(released)();
    const held = hold();
    const expiry = async () => Number(await made.redis.zscore(made.keys.slots(lease.url), lease.id));
    const first = await expiry();
    await expect.poll(() => made.redis.sismember(`${kept.queue}stalled`, kept.id)).toBe(0);
    await expect.poll(expiry).toBeGreaterThan(first + 1_500);
    expect(await made.redis.get(kept.key)).toBe(kept.token);
    expect(await made.redis.pttl(released.key)).toBeGreaterThan(longMs / 2);
    expect(held.msLeft).toBeGreaterThan(0);
    held.release();
    await expect.poll(expiry).toBe(0);
  });

  it('keeps them while its event loop is blocked for longer than they live', async () => {
    const made = await worker(2_000);
    await made.run();
    const lock = await made.lock();
    const held = (await made.lease()).hold();
    made.renewal.holdLock(lock);
    // The thread receives both at the same time, and the slot is then renewed.
    let least = held.msLeft;
    const grew = () => {
      const now = held.msLeft;
      least = Math.min(least, now);
      return now > least;
    };
    await expect.poll(grew).toBe(true);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
    // Read before the event loop turns.
    expect(held.msLeft).toBeGreaterThan(0);
    expect(await made.redis.get(lock.key)).toBe(lock.token);
  });

  it('leaves a lock to another worker, and knows that a slot is lost', async () => {
    const made = await worker(1_500);
    const lock = await made.lock();
    const { lease, hold } = await made.lease();
    await made.redis.set(lock.key, 'of another worker', 'PX', longMs);
    await made.free(lease);
    made.renewal.holdLock(lock);
    const held = hold();
    await made.run();
    await expect.poll(() => held.msLeft).toBeLessThanOrEqual(-1_500);
    expect(await made.redis.get(lock.key)).toBe('of another worker');
    expect(await made.redis.pttl(lock.key)).toBeGreaterThan(longMs / 2);
  });

  it('ends when its thread fails', async () => {
    const config = { redisUrl: 'nonsense://', redisPrefix: 'renewal', lockDurationMs: 1_000 };
    const renewal = new Renewal({ config, logger });
    await expect(renewal.run(new AbortController().signal)).rejects.toThrow('must start with redis://');
  });
});
