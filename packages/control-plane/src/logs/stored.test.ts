import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlobStore, openBlobStore } from '@slipway/shared/blobs';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readLog } from './reader.js';
import { readStoredLog } from './stored.js';
import { LogWriter } from './writer.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const folder = mkdtempSync(join(tmpdir(), 'slipway-stored-logs-'));
let redis: Redis;
let blobs: BlobStore;
beforeAll(async () => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
  blobs = await openBlobStore(`file://${folder}`);
});
afterAll(async () => {
  await cleanups.run(logger);
  rmSync(folder, { recursive: true });
});

/** The lines of a build, as its replica keeps them. */
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `line ${from + at} ${'x'.repeat(200)}`);

async function runningJob() {
  const keys = redisKeys(`stored-${randomUUID()}`);
  const jobId = `job_${randomUUID()}`;
  await redis.hset(keys.job(jobId), 'state', 'running');
  const logParts = async () => Number((await redis.hget(keys.job(jobId), 'log_parts')) ?? 0);
  const stored = async () =>
    readStoredLog({ redis, keys, blobs, jobId, attempt: 1, logParts: await logParts() });
  const write = async (isCurrent = async () => true) => {
    const found = await stored();
    return {
      from: found.lines,
      log: new LogWriter({ redis, keys, blobs, jobId, attempt: 1, stored: found, isCurrent }),
    };
  };
  const read = async (running: boolean) => {
    const numbers: number[] = [];
    const texts: string[] = [];
    const options = { redis, keys, blobs, jobId, attempts: 1, running, logParts: await logParts() };
    for await (const batch of readLog(options)) {
      numbers.push(...batch.map(({ line }) => line));
      texts.push(...batch.map(({ text }) => text));
    }
    expect(numbers).toEqual(texts.map((_text, at) => at + 1));
    return texts;
  };
  return { keys, jobId, logParts, stored, write, read };
}

describe('the log of a build that another worker continues', () => {
  it.each([
    ['a small log', 30, 40, 60],
    ['a log with parts', 7_000, 7_500, 9_000],
    ['a log whose last part was being written', 5_000, 9_000, 16_000],
  ])('has each line once: %s', async (_name, first, second, total) => {
    const { write, read, logParts, stored } = await runningJob();
    // The first worker dies: it never ends its log.
    const one = await write();
    one.log.append(lines(0, first));
    if (first >= 5_000) await expect.poll(async () => (await stored()).parts).toBeGreaterThan(0);
    await expect.poll(async () => (await read(true)).length).toBe(first);
    // The second one is stopped.
    const two = await write();
    expect(two.from).toBeLessThanOrEqual(first);
    expect(two.from > 0).toBe((await logParts()) > 0);
    two.log.append(lines(two.from, second));
    await two.log.release();
    expect(await read(true)).toEqual(lines(0, second));
    const three = await write();
    three.log.append(lines(three.from, total));
    await three.log.close();
    expect(await read(false)).toEqual(lines(0, total));
    expect(three.log.tail(3)).toEqual(lines(total - 3, total));
    expect(three.log.bytes).toBe(lines(0, total).reduce((sum, line) => sum + line.length + 1, 0));
  });

  it('is not written by a worker that lost the attempt', async () => {
    const { write, read, stored } = await runningJob();
    let isCurrent = true;
    const frozen = await write(async () => isCurrent);
    frozen.log.append(lines(0, 100));
    isCurrent = false;
    const other = await write();
    other.log.append(lines(0, 8_000));
    await other.log.close();
    frozen.log.append(lines(100, 6_000));
    await expect(frozen.log.close()).rejects.toThrow('another worker continues');
    expect(await read(false)).toEqual(lines(0, 8_000));
    expect((await stored()).tail).toHaveLength(50);
  });
});
