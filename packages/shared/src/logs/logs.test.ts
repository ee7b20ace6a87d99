import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type BlobStore, openBlobStore } from '../blobs/index.js';
import { Cleanups } from '../lifecycle/index.js';
import { createLogger } from '../logger/index.js';
import { connectRedis, type Redis, redisKeys } from '../redis/index.js';
import { logBlobKey } from './blob.js';
import { formatPosition, type LogPosition, parsePosition, readLog, saveLostLog } from './reader.js';
import { LogWriter } from './writer.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const folder = mkdtempSync(join(tmpdir(), 'slipway-logs-'));
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

function newJob() {
  const jobId = `job_${randomUUID()}`;
  const keys = redisKeys(`logs-${randomUUID()}`);
  const write = (attempt: number, maxBytes?: number) =>
    new LogWriter({ redis, keys, blobs, jobId, attempt, ...(maxBytes !== undefined && { maxBytes }) });
  const read = async (attempts: number, after?: LogPosition) => {
    const lines: string[] = [];
    for await (const batch of readLog({ redis, keys, blobs, jobId, attempts, after })) {
      lines.push(...batch.map((line) => `${formatPosition(line)} ${line.text}`));
    }
    return lines;
  };
  return { jobId, keys, write, read };
}

describe('the log of a job', () => {
  it('is read live while an attempt runs and from its blob afterwards, the same', async () => {
    const { write, read, keys, jobId } = newJob();
    const log = write(1);
    log.append(['one', 'two\nthree']);
    const expected = ['1-1 one', '1-2 two', '1-3 three'];
    await expect.poll(() => read(1)).toEqual(expected);
    expect(await blobs.stat(logBlobKey(jobId, 1))).toBeUndefined();
    await log.close();
    await redis.del(keys.log(jobId));
    expect(await read(1)).toEqual(expected);
    expect(log.tail(2)).toEqual(['two', 'three']);
  });

  it('goes on after a position, in whichever attempt that is', async () => {
    const { write, read } = newJob();
    const first = write(1);
    first.append(['a', 'b']);
    await first.close();
    const second = write(2);
    second.append(['c', 'd']);
    await expect.poll(() => read(2)).toHaveLength(4);
    expect(await read(2, { attempt: 1, line: 1 })).toEqual(['1-2 b', '2-1 c', '2-2 d']);
    expect(await read(2, { attempt: 2, line: 1 })).toEqual(['2-2 d']);
    expect(await read(2, { attempt: 2, line: 2 })).toEqual([]);
    await second.close();
  });

  it('keeps what a lost attempt had said', async () => {
    const { write, read, keys, jobId } = newJob();
    const lost = write(1);
    lost.append(Array.from({ length: 1_200 }, (_unused, at) => `line ${at}`));
    await expect.poll(() => read(1)).toHaveLength(1_200);
    await saveLostLog({ redis, keys, blobs, jobId, attempt: 1 });
    await redis.del(keys.log(jobId));
    expect((await read(1)).at(-1)).toBe('1-1200 line 1199');
    await lost.close();
  });

  it('takes no live lines of an attempt that was overtaken', async () => {
    const { write, read, keys, jobId } = newJob();
    const [late, current] = [write(1), write(2)];
    current.append(['now']);
    await expect.poll(() => read(2)).toEqual(['2-1 now']);
    late.append(['late']);
    await late.close();
    expect(await redis.xrange(keys.log(jobId), '1', '1')).toEqual([]);
    await current.close();
  });

  it('keeps the beginning and the end of a log that is too long', async () => {
    const { write, jobId } = newJob();
    const log = write(1, 1_000);
    log.append(Array.from({ length: 1_000 }, (_unused, at) => `line ${String(at).padStart(4, '0')}`));
    await log.close();
    const stored = await blobs.stream(logBlobKey(jobId, 1));
    const lines = Buffer.concat((await stored?.toArray()) ?? [])
      .toString()
      .trimEnd()
      .split('\n');
    expect(lines.slice(0, 100).at(-1)).toBe('line 0099');
    expect(lines[100]).toBe('[850 lines left out: the log is larger than is kept]');
    expect(lines.slice(101)).toHaveLength(50);
    expect(lines.at(-1)).toBe('line 0999');
  });

  it('is there, and empty, when nothing was said', async () => {
    const { write, read, jobId } = newJob();
    await write(1).close();
    expect(await blobs.stat(logBlobKey(jobId, 1))).toMatchObject({ bytes: 0 });
    expect(await read(1)).toEqual([]);
  });
});

describe('a position', () => {
  it('is written and read', () => {
    expect(parsePosition(formatPosition({ attempt: 2, line: 17 }))).toEqual({ attempt: 2, line: 17 });
    for (const text of ['', '1', '1-', '-1', '1-2-3', 'a-1', '1-1 '])
      expect(parsePosition(text)).toBeUndefined();
  });
});
