import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlobStore, openBlobStore } from '@slipway/shared/blobs';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { JobStore } from '../jobs/index.js';
import { readStoredBytes } from '../stored/index.js';
import { accountFaults } from '../stored/testing.js';
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

function newJob(jobId = `job_${randomUUID()}`, keys = redisKeys(`logs-${randomUUID()}`)) {
  const write = (attempt: number, maxBytes?: number) =>
    new LogWriter({ redis, keys, blobs, jobId, attempt, ...(maxBytes !== undefined && { maxBytes }) });
  /** Parts are recorded only in records. */
  const record = () => redis.hset(keys.job(jobId), 'state', 'running');
  const read = async (attempts: number, after?: LogPosition, running = true) => {
    const lines: string[] = [];
    const logParts = Number((await redis.hget(keys.job(jobId), 'log_parts')) ?? 0);
    for await (const batch of readLog({ redis, keys, blobs, jobId, attempts, after, running, logParts })) {
      lines.push(...batch.map((line) => `${formatPosition(line)} ${line.text}`));
    }
    return lines;
  };
  return { jobId, keys, record, write, read };
}

/** Creates a job of the tenant `team`, and begins an attempt of it. */
async function runningJob() {
  const keys = redisKeys(`logs-${randomUUID()}`);
  const store = new JobStore({ redis, keys });
  const [jobId, token] = [newId('job'), randomUUID()];
  const spec = jobSpecSchema.parse({
    image: 'r.example/a:1',
    source: { digest: `sha256:${'a'.repeat(64)}` },
  });
  await store.create(jobId, spec, { tenant: { name: 'team', weight: 1 } });
  await store.start(jobId, { token, worker: 'w', replica: 'http://b', takesSuspects: true });
  return { ...newJob(jobId, keys), token, store };
}

describe('the log of a job', () => {
  it('is the same live during an attempt and from its blob afterwards', async () => {
    const { write, read, keys, jobId } = newJob();
    const log = write(1);
    log.append(['one', 'two\nthree']);
    const expected = ['1-1 one', '1-2 two', '1-3 three'];
    await expect.poll(() => read(1)).toEqual(expected);
    expect(await blobs.stat(logBlobKey(jobId, 1))).toBeUndefined();
    await log.close();
    await redis.del(keys.log(jobId));
    expect(await read(1, undefined, false)).toEqual(expected);
    expect(log.tail(2)).toEqual(['two', 'three']);
  });

  it('is in the record of the job after the attempt, if it is small', async () => {
    const { jobId, token, write, read, keys, store } = await runningJob();
    const log = write(1);
    log.append(['one', 'two é', 'three']);
    const text = await log.small();
    expect(text).toBe('one\ntwo é\nthree\n');
    const smallLog = { text: text ?? '', store: () => log.close() };
    const end = { code: 'builder_lost' as const, detail: 'no', spent: true, delayMs: 0, log: smallLog };
    await store.requeue(jobId, token, end);
    expect(await read(1, undefined, false)).toEqual(['1-1 one', '1-2 two é', '1-3 three']);
    expect(await read(1, { attempt: 1, line: 2 }, false)).toEqual(['1-3 three']);
    // Neither the blob store nor the live stream has it.
    expect(await blobs.stat(logBlobKey(jobId, 1))).toBeUndefined();
    expect(await redis.exists(keys.log(jobId))).toBe(0);
    expect(await saveLostLog({ redis, keys, blobs, jobId, attempt: 1, logParts: 0 })).toBe(true);
    expect(await blobs.stat(logBlobKey(jobId, 1))).toBeUndefined();
    expect(await accountFaults({ redis, keys })).toEqual([]);
  });

  it('is in the blob store if it is small, and its tenant has no room in Redis', async () => {
    const { jobId, token, write, read, keys, store } = await runningJob();
    await redis.hset(keys.stored('team'), 'limit', 1);
    const log = write(1);
    log.append(['one']);
    const smallLog = { text: (await log.small()) ?? '', store: () => log.close() };
    const result = { image: 'r.example/a:1', duration_ms: 1 };
    expect(await store.finish(jobId, token, { state: 'succeeded', result, log: smallLog })).toBe(true);
    expect(await redis.hexists(keys.job(jobId), 'log:1')).toBe(0);
    expect(await blobs.stat(logBlobKey(jobId, 1))).toMatchObject({ bytes: 4 });
    expect(await read(1, undefined, false)).toEqual(['1-1 one']);
    expect((await store.get(jobId))?.state).toBe('succeeded');
  });

  it('is not small above a kibibyte, or when lines are left out', async () => {
    const { write } = newJob();
    const [most, more, cut] = [write(1), write(1), write(1, 10)];
    most.append(['x'.repeat(1_023)]);
    more.append(['x'.repeat(1_024)]);
    cut.append(['more than ten bytes']);
    expect(await most.small()).toHaveLength(1_024);
    expect(await more.small()).toBeUndefined();
    expect(await cut.small()).toBeUndefined();
    await Promise.all([more.close(), cut.close()]);
  });

  it('continues after a position in any attempt', async () => {
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

  it('keeps the lines of a lost attempt', async () => {
    const { write, read, keys, jobId } = newJob();
    const lost = write(1);
    lost.append(Array.from({ length: 1_200 }, (_unused, at) => `line ${at}`));
    await expect.poll(() => read(1)).toHaveLength(1_200);
    expect(await saveLostLog({ redis, keys, blobs, jobId, attempt: 1, logParts: 0 })).toBe(true);
    await redis.del(keys.log(jobId));
    expect((await read(1, undefined, false)).at(-1)).toBe('1-1200 line 1199');
    await lost.close();
  });

  it('takes no live lines of an attempt after a later one has begun', async () => {
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
    expect(lines[100]).toBe('[850 lines left out: the log exceeds its size limit]');
    expect(lines.slice(101)).toHaveLength(50);
    expect(lines.at(-1)).toBe('line 0999');
  });

  it('keeps a megabyte live, and stores older lines while the attempt runs', async () => {
    const { write, read, record, keys, jobId } = newJob();
    await record();
    const log = write(1);
    const lines = Array.from({ length: 600 }, (_unused, at) => `${at} ${'é'.repeat(4_000)}`);
    const texts = (found: readonly string[]) => found.map((line) => line.slice(line.indexOf(' ') + 1));
    for (let at = 0; at < lines.length; at += 50) {
      log.append(lines.slice(at, at + 50));
      await expect.poll(async () => (await read(1)).at(-1)?.split(' ')[0]).toBe(`1-${at + 50}`);
    }
    expect(await redis.memory('USAGE', keys.log(jobId), 'SAMPLES', 0)).toBeLessThan(2 * 1024 * 1024);
    const [[oldest = ''] = ['']] = await redis.xrange(keys.log(jobId), '-', '+', 'COUNT', 1);
    expect(Number(oldest.split('-')[1])).toBeGreaterThan(400);
    await expect.poll(async () => texts(await read(1))).toEqual(lines);
    expect(texts(await read(1, { attempt: 1, line: 3 }))).toEqual(lines.slice(3));
    await log.close();
    await redis.del(keys.log(jobId));
    expect(texts(await read(1, undefined, false))).toEqual(lines);
    expect(await read(1, { attempt: 1, line: 599 }, false)).toHaveLength(1);
  });

  it('marks lines that neither the live stream nor a part has', async () => {
    const { write, read } = newJob();
    const log = write(1);
    log.append(Array.from({ length: 600 }, (_unused, at) => `${at} ${'é'.repeat(4_000)}`));
    await expect.poll(async () => (await read(1)).at(-1)?.split(' ')[0]).toBe('1-600');
    const [mark, next] = await read(1);
    const missing = Number(next?.split('-')[1]?.split(' ')[0]) - 1;
    expect(mark).toBe(
      `1-${missing} [${missing} lines are left out here; the whole log is available when the attempt has ended]`,
    );
    await log.close();
  });

  it('keeps the beginning of a long line live', async () => {
    const { write, read, record } = newJob();
    await record();
    const log = write(1);
    log.append(['🙂'.repeat(500_000), 'next']);
    await expect.poll(() => read(1)).toHaveLength(2);
    const [long = ''] = await read(1);
    expect(Buffer.byteLength(long)).toBeLessThan(17 * 1024);
    expect(long.endsWith('🙂…')).toBe(true);
    await log.close();
    expect((await read(1, undefined, false))[0]?.length).toBe(1_000_000 + '1-1 '.length);
  });

  it('is charged to its tenant until it is removed, and not kept live beyond the limit of the tenant', async () => {
    const { keys, jobId: _none } = newJob();
    const store = new JobStore({ redis, keys });
    const tenant = { name: 'team', weight: 1 };
    const source = { digest: `sha256:${'a'.repeat(64)}` };
    const jobId = newId('job');
    const spec = jobSpecSchema.parse({ image: 'r.example/a:1', source });
    await store.create(jobId, spec, { tenant, maxStoredBytes: 200_000 });
    const begun = { token: 't', worker: 'w', replica: 'http://b', takesSuspects: true };
    await store.start(jobId, begun);
    const log = new LogWriter({ redis, keys, blobs, jobId, attempt: 1 });
    const stored = () => readStoredBytes({ redis, keys, tenant: 'team' });
    const before = await stored();
    log.append(['x'.repeat(10_000)]);
    await expect.poll(stored).toBeGreaterThan(before + 10_000);
    log.append(Array.from({ length: 30 }, () => 'y'.repeat(10_000)));
    await log.close();
    expect(await stored()).toBeLessThan(250_000);
    expect(await redis.xlen(keys.log(jobId))).toBe(1);
    expect(await accountFaults({ redis, keys })).toEqual([]);
    const error = { code: 'build_failed' as const, detail: '', log_tail: log.tail() };
    await store.finish(jobId, 't', { state: 'failed', error });
    expect(await accountFaults({ redis, keys })).toEqual([]);
    const record = await store.get(jobId);
    if (record) await store.remove(record, Number.MAX_SAFE_INTEGER);
    expect(await accountFaults({ redis, keys })).toEqual([]);
  });

  it('is no blob when there are no lines', async () => {
    const { write, read, jobId } = newJob();
    await write(1).close();
    expect(await blobs.stat(logBlobKey(jobId, 1))).toBeUndefined();
    expect(await read(1, undefined, false)).toEqual([]);
  });
});

describe('a position', () => {
  it('is written and read', () => {
    expect(parsePosition(formatPosition({ attempt: 2, line: 17 }))).toEqual({ attempt: 2, line: 17 });
    for (const text of ['', '1', '1-', '-1', '1-2-3', 'a-1', '1-1 '])
      expect(parsePosition(text)).toBeUndefined();
  });
});
