import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hold, JobStore } from '@slipway/control-plane/jobs';
import { type RedisHandle, startRedis } from '@slipway/local';
import { isTerminal } from '@slipway/shared/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Replica, startReplica } from '../testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from '../testing/start-worker.js';

const minute = 60_000;
const toleranceMs = 1_000;

let folder: string;
let redis: RedisHandle;
let installation: Installation;
let builder: Replica;
let hold: Hold;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-restore-'));
  redis = await startRedis({ dir: folder });
  installation = await createInstallation(redis.url);
  builder = await startReplica(payloadSecret);
  hold = new Hold(installation);
});
afterEach(async () => {
  await installation.dispose();
  await builder.stop();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

const startWorker = () => installation.startWorker([builder.url], { redisLossToleranceMs: toleranceMs });
const images = () =>
  builder.payloads.map((payload) => /"image":"([^"]+)"/.exec(payload.toString('latin1'))?.[1]);
const markOutside = async () => {
  const prefix = /^\{(.+)\}:$/.exec(installation.keys.base)?.[1];
  const stream = await installation.blobs.stream(`redis/time-mark-${prefix}`);
  return stream ? Number(Buffer.concat(await stream.toArray()).toString()) : 0;
};

/** Writes the data of Redis to a file, as a backup does. */
async function backUp(): Promise<void> {
  await installation.redis.save();
  copyFileSync(join(folder, 'dump.rdb'), join(folder, 'backup'));
}

/** Ends Redis, and starts it with the data of the backup. Open connections find it again. */
async function restore(): Promise<void> {
  const { port } = redis;
  await redis.stop();
  copyFileSync(join(folder, 'backup'), join(folder, 'dump.rdb'));
  redis = await startRedis({ dir: folder, port });
}

/** Builds jobs until the mark outside of Redis is so new that data of now is too old. */
async function moveOn(): Promise<void> {
  const now = Date.now();
  const mark = async () => {
    await installation.ended(await installation.submit());
    return await markOutside();
  };
  await expect.poll(mark, { timeout: minute }).toBeGreaterThan(now + toleranceMs);
}

/** Returns the ids of two jobs that a backup has as queued, and that have run since. */
async function jobsOfBackup(): Promise<string[]> {
  const first = await startWorker();
  await installation.ended(await installation.submit());
  await expect.poll(markOutside, { timeout: minute }).toBeGreaterThan(0);
  await first.stop();
  const ids = [await installation.submit(), await installation.submit()];
  await backUp();
  return ids;
}

const states = (ids: readonly string[]) =>
  Promise.all(ids.map(async (id) => (await installation.job(id)).state));

describe('a restored backup', () => {
  it.each(['before the workers start', 'while a worker runs'])(
    'runs no job until an operator cancels the jobs of the backup: restored %s',
    async (when) => {
      const ids = await jobsOfBackup();
      const second = await startWorker();
      await Promise.all(ids.map((id) => installation.ended(id)));
      await moveOn();
      const built = images();
      if (when === 'before the workers start') await second.stop();
      await restore();
      const worker = when === 'before the workers start' ? await startWorker() : second;
      await expect.poll(() => hold.get(), { timeout: minute }).toMatchObject({ reason: 'restored' });
      const state = await hold.get();
      expect((state?.knownAt ?? 0) - (state?.redisAt ?? 0)).toBeGreaterThan(toleranceMs);
      const ready = async () => await (await fetch(`${worker.url}/readyz`)).text();
      await expect.poll(ready, { timeout: minute }).toContain('jobs_held');
      const added = await installation.submit();
      expect(await states([...ids, added])).toEqual(['queued', 'queued', 'queued']);
      expect(images()).toEqual(built);

      expect(await hold.cancelBefore(state?.knownAt ?? 0, installation.store)).toBe(2);
      expect(await hold.release()).toBe(true);
      expect((await installation.ended(added)).state).toBe('succeeded');
      expect(await states(ids)).toEqual(['canceled', 'canceled']);
      expect(images()).toHaveLength(built.length + 1);
      await expect.poll(ready, { timeout: minute }).not.toContain('jobs_held');
    },
  );

  it('runs its jobs when the operator wants that, and is not held again', async () => {
    const ids = await jobsOfBackup();
    const worker = await startWorker();
    await Promise.all(ids.map((id) => installation.ended(id)));
    await moveOn();
    await worker.stop();
    await restore();
    await startWorker();
    await expect.poll(() => hold.get(), { timeout: minute }).toMatchObject({ reason: 'restored' });
    await hold.release();
    await Promise.all(ids.map((id) => installation.ended(id)));
    expect(await states(ids)).toEqual(['succeeded', 'succeeded']);
    await moveOn();
    expect(await hold.get()).toBeUndefined();
  });

  it('is not held without a job that could run again', async () => {
    const worker = await startWorker();
    await installation.ended(await installation.submit());
    await backUp();
    await moveOn();
    await worker.stop();
    await restore();
    await startWorker();
    expect((await installation.ended(await installation.submit())).state).toBe('succeeded');
    expect(await hold.get()).toBeUndefined();
  });
});

describe('a mark of time', () => {
  it('that is a little older holds nothing: a failover loses the newest changes', async () => {
    const id = await installation.submit();
    const now = Date.now();
    await installation.redis.set(installation.keys.timeMark, now);
    expect(await hold.mark(now + 60_000, 60_000)).toEqual({ mark: now + 60_000, before: now });
    expect(await hold.mark(now + 180_000, 60_000)).toBeUndefined();
    expect(await hold.get()).toMatchObject({ redisAt: now + 60_000, knownAt: now + 180_000 });
    expect(isTerminal((await installation.job(id)).state)).toBe(false);
    expect(await hold.release()).toBe(true);
    expect(await hold.release()).toBe(false);
    expect(await hold.mark(now + 180_000, 60_000)).toMatchObject({ before: now + 180_000 });
  });

  it('that is older than the worker knows starts no job, before anything else has looked', async () => {
    const id = await installation.submit();
    const store = new JobStore({ ...installation, leastMark: () => Date.now() + minute });
    expect(await store.admit(id)).toEqual({ outcome: 'wait' });
    const start = { token: 't', worker: 'w', replica: 'r', takesSuspects: true };
    expect(await store.start(id, start)).toEqual({ outcome: 'wait' });
    expect(await installation.store.admit(id)).toMatchObject({ outcome: 'ready' });
  });

  it('is lost with all data of Redis, which holds nothing', async () => {
    const worker = await startWorker();
    await moveOn();
    await installation.redis.flushall();
    expect((await installation.ended(await installation.submit())).state).toBe('succeeded');
    await worker.stop();
  });

  it('stays without a change, so that an idle installation writes nothing', async () => {
    await installation.submit();
    const first = await hold.mark(0, 0);
    const again = await hold.mark(0, 0);
    expect(again?.mark).toBeGreaterThanOrEqual(first?.mark ?? Number.NaN);
    const { mark = 0 } = again ?? {};
    expect(await hold.mark(mark, 0)).toEqual({ mark, before: mark });
  });

  it('does not matter while an operator holds the jobs', async () => {
    await startWorker();
    expect(await hold.begin()).toBe(true);
    expect(await hold.begin()).toBe(false);
    const id = await installation.submit();
    await expect.poll(async () => (await hold.mark(0, 0)) === undefined, { timeout: minute }).toBe(true);
    expect(await states([id])).toEqual(['queued']);
    await hold.release();
    expect((await installation.ended(id)).state).toBe('succeeded');
  });
});
