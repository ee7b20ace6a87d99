import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBlobStore } from '@slipway/shared/blobs';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { JobStore, toJob } from '../jobs/index.js';
import { type LogBlobs, logBlobKey, logKeys, logPartKey } from './blob.js';
import { readLog, saveLostLog } from './reader.js';
import { noteSavedLog, noteUnsavedLog, unsavedLogs } from './unsaved.js';
import { LogWriter } from './writer.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const folder = mkdtempSync(join(tmpdir(), 'slipway-log-blob-'));
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(async () => {
  await cleanups.run(logger);
  rmSync(folder, { recursive: true });
});

const manyLines = (count: number, from = 0) =>
  Array.from({ length: count }, (_unused, at) => `line ${from + at}`);

/** A running job over a blob store of its own, which a test can take away. */
async function runningJob() {
  const directory = join(folder, randomUUID());
  const store = await openBlobStore(`file://${directory}`);
  const written: string[] = [];
  let isAway = false;
  const blobs: LogBlobs = {
    stat: (key) => store.stat(key),
    stream: (key) => store.stream(key),
    write(key, body, options) {
      written.push(key);
      return store.write(key, body, options);
    },
  };
  const keys = redisKeys(`log-blob-${randomUUID()}`);
  const jobs = new JobStore({ redis, keys });
  const jobId = newId('job');
  const source = { digest: `sha256:${'a'.repeat(64)}` };
  await jobs.create(jobId, jobSpecSchema.parse({ image: 'r.example/a:1', source }), {
    tenant: { name: 'default', weight: 1 },
  });
  await jobs.start(jobId, { token: 't', worker: 'w', replica: 'http://b', takesSuspects: true });
  const record = async () => {
    const found = await jobs.get(jobId);
    if (!found) throw new Error('no record');
    return found;
  };
  return {
    ...{ store, blobs, keys, jobs, jobId, written, record },
    write: (options: { readonly endWithinMs?: number } = {}) =>
      new LogWriter({ redis, keys, blobs, jobId, attempt: 1, ...options }),
    async read() {
      const { attempt: attempts, logParts, state } = await record();
      const running = state === 'running';
      const lines: string[] = [];
      for await (const batch of readLog({ redis, keys, blobs, jobId, attempts, logParts, running }))
        lines.push(...batch.map(({ text }) => text));
      return lines;
    },
    /** Replaces the folder of the store by a file, so that every write fails. */
    async take() {
      isAway = true;
      await rename(directory, `${directory}.away`);
    },
    async bringBack() {
      if (!isAway) return;
      isAway = false;
      rmSync(directory, { recursive: true, force: true });
      await rename(`${directory}.away`, directory);
    },
  };
}

describe('the blobs of a log', () => {
  it('are one, written once at the end, for a small log', async () => {
    const { write, written, jobId, record } = await runningJob();
    const log = write();
    log.append(manyLines(1_000));
    log.append(['last']);
    await log.close();
    expect(written).toEqual([logBlobKey(jobId, 1)]);
    expect((await record()).logParts).toBe(0);
  });

  it('are a few parts and an end for a large log', async () => {
    const { write, written, jobId, jobs, keys, record, read, store } = await runningJob();
    const log = write();
    for (let at = 0; at < 30; at++) {
      log.append(manyLines(1_000, at * 1_000));
      await new Promise(setImmediate);
    }
    await log.close();
    const found = await record();
    expect(written.length).toBeLessThanOrEqual(30_000 / 5_000 + 1);
    expect(written.at(-1)).toBe(logBlobKey(jobId, 1));
    expect(new Set(written).size).toBe(written.length);
    expect(found.logParts).toBe(written.length - 1);
    expect(await read()).toEqual(manyLines(30_000));
    await redis.del(keys.log(jobId));
    await jobs.finish(jobId, 't', { state: 'succeeded', result: { image: 'r.example/a:1', duration_ms: 1 } });
    expect(await read()).toEqual(manyLines(30_000));
    expect(new Set(logKeys(found))).toEqual(new Set(written));
    await store.removeAll(logKeys(found));
    for (const key of written) expect(await store.stat(key)).toBeUndefined();
  });

  it('and the live log together have all lines of a process that died', async () => {
    const { write, read, blobs, keys, jobId, jobs, record } = await runningJob();
    const log = write();
    for (let at = 0; at < 13; at++) {
      log.append(manyLines(1_000, at * 1_000));
      await new Promise(setImmediate);
    }
    await expect.poll(async () => (await read()).at(-1)).toBe('line 12999');
    await expect.poll(async () => (await record()).logParts).toBeGreaterThan(0);
    expect(await blobs.stat(logPartKey(jobId, 1, 1))).toBeDefined();
    // Its worker is gone without an end. The next one takes over.
    await jobs.start(jobId, { token: 'u', worker: 'v', replica: 'http://b', takesSuspects: true });
    const { logParts } = await record();
    expect(await saveLostLog({ redis, keys, blobs, jobId, attempt: 1, logParts })).toBe(true);
    await redis.del(keys.log(jobId));
    expect(await read()).toEqual(manyLines(13_000));
  });
});

describe('while the blob store is away', () => {
  it('the end of a log fails with a code, and readers have the live log', async () => {
    const { write, read, take, bringBack } = await runningJob();
    const log = write();
    log.append(manyLines(10));
    await take();
    await expect(log.close()).rejects.toMatchObject({ code: expect.stringMatching(/^storage_/) });
    await bringBack();
    expect(await read()).toEqual(manyLines(10));
  });

  it('readers have the live log of an ended attempt, and an error when it is gone', async () => {
    const { write, read, take, bringBack, keys, jobId, jobs } = await runningJob();
    const log = write();
    log.append(manyLines(600));
    await log.close();
    await jobs.finish(jobId, 't', { state: 'succeeded', result: { image: 'r.example/a:1', duration_ms: 1 } });
    await take();
    expect(await read()).toEqual(manyLines(600));
    await redis.del(keys.log(jobId));
    await expect(read()).rejects.toMatchObject({ code: 'storage_unavailable' });
    await bringBack();
    expect(await read()).toEqual(manyLines(600));
  });

  it('the end of a log waits only so long', async () => {
    const { keys, jobId } = await runningJob();
    const hangs = { write: () => new Promise<never>(() => undefined) };
    const blobs = hangs as unknown as LogBlobs;
    const log = new LogWriter({ redis, keys, blobs, jobId, attempt: 1, endWithinMs: 50 });
    log.append(['a line']);
    await expect(log.close()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('memory is bounded, and the log says how many lines are left out', async () => {
    const { write, take, bringBack, read, jobs, jobId } = await runningJob();
    const log = write();
    await take();
    const line = 'x'.repeat(1_000);
    for (let at = 0; at < 8; at++) {
      log.append(Array.from({ length: 1_000 }, () => line));
      await new Promise(setImmediate);
    }
    await bringBack();
    await log.close();
    const error = { code: 'build_failed' as const, detail: '', log_tail: [] };
    await jobs.finish(jobId, 't', { state: 'failed', error });
    const lines = await read();
    expect(lines.length).toBeLessThan(5_500);
    expect(lines.join()).toMatch(/\[\d+ lines left out: the blob store did not take them\]/);
  });

  it('a part that failed is written again with the end, and no line twice', async () => {
    const { write, take, bringBack, read, written, jobId } = await runningJob();
    const log = write();
    await take();
    log.append(manyLines(6_000));
    await expect.poll(() => written.length).toBe(1);
    await bringBack();
    log.append(['last']);
    await log.close();
    expect(written).toEqual([logPartKey(jobId, 1, 1), logPartKey(jobId, 1, 1), logBlobKey(jobId, 1)]);
    expect(await read()).toEqual([...manyLines(6_000), 'last']);
  });

  it('the record names the fault, the live log stays for a day, and a later save removes the fault', async () => {
    const { write, keys, jobId, jobs, record, blobs, read } = await runningJob();
    const log = write();
    log.append(manyLines(10));
    await expect.poll(read).toHaveLength(10);
    await noteUnsavedLog({ redis, keys }, { jobId, attempt: 1, code: 'storage_unavailable' });
    await jobs.finish(jobId, 't', { state: 'succeeded', result: { image: 'r.example/a:1', duration_ms: 1 } });
    expect(toJob(await record()).attempts).toMatchObject([{ log_error: 'storage_unavailable' }]);
    expect(await redis.pttl(keys.log(jobId))).toBeGreaterThan(23 * 3600 * 1_000);
    expect(await unsavedLogs({ redis, keys }, 10)).toEqual([jobId]);
    expect(await read()).toEqual(manyLines(10));
    expect(await saveLostLog({ redis, keys, blobs, jobId, attempt: 1, logParts: 0 })).toBe(true);
    await noteSavedLog({ redis, keys }, { jobId, attempt: 1 });
    await redis.del(keys.log(jobId));
    expect(toJob(await record()).attempts[0]).not.toHaveProperty('log_error');
    expect(await unsavedLogs({ redis, keys }, 10)).toEqual([]);
    expect(await read()).toEqual(manyLines(10));
  });
});

describe('a log whose blob breaks off', () => {
  it('is no shorter log, but an error', async () => {
    const { keys, jobId, write, store } = await runningJob();
    const log = write();
    log.append(manyLines(10));
    await log.close();
    const blobs = {
      async stream(key: string) {
        const whole = await store.stream(key);
        whole?.destroy(new Error('cut'));
        return whole;
      },
    } as LogBlobs;
    const options = { redis, keys, blobs, jobId, attempts: 1, running: false, logParts: 0 };
    await expect(readLog(options).next()).rejects.toThrow('cut');
  });
});
