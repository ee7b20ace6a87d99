import { createHash, createHmac } from 'node:crypto';
import { noRecordFaults } from '@slipway/control-plane/records';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { Registry } from '@slipway/shared/metrics';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';
import type { AuditEntryView } from './contract.js';
import { type AuditEntry, AuditLog } from './log.js';

let api: RunningApi;
let redis: Redis;
beforeAll(async () => {
  api = await startApi(inject('redisUrl'), { trustedProxies: ['127.0.0.1'] });
  redis = new Redis(inject('redisUrl'));
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});

interface Page {
  readonly entries: readonly AuditEntryView[];
  readonly next_cursor?: string;
}
const page = async (query = '', at = api) => (await (await at.call(`/v1/audit?${query}`)).json()) as Page;
/** Returns the entries. They are written after the answer. */
const entryOf = async (requestId: string, query = '') => {
  const find = async () => (await page(`limit=200&${query}`)).entries.find((e) => e.request_id === requestId);
  await expect.poll(find).toBeDefined();
  return (await find()) as AuditEntryView;
};
const call = async (path: string, requestId: string, init: RequestInit = {}) => {
  const answer = await api.call(path, { ...init, headers: { 'x-request-id': requestId, ...init.headers } });
  return { answer, body: (await answer.json()) as { id: string; code: string; request_id: string } };
};
const inline = { image: 'r.example/x:1', source: { files: { Dockerfile: 'FROM scratch\n' } } };
const post = (body: object): RequestInit => ({
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    'user-agent': 'ci/1 \u00fc',
    'x-forwarded-for': '203.0.113.9',
  },
  body: JSON.stringify(body),
});

describe('the audit log', () => {
  it('records who created a record, from which address, and the status', async () => {
    const { body: job } = await call('/v1/jobs', 'made-a-job', post(inline));
    const entry = await entryOf('made-a-job');
    expect(entry).toEqual({
      id: expect.stringMatching(/^\d+-\d+$/),
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      request_id: 'made-a-job',
      ...{ tenant: 'default', token: 'API_TOKEN', operation: 'submitJob', method: 'POST', path: '/v1/jobs' },
      ...{ records: [job.id], status: 202, address: '203.0.113.9', user_agent: 'ci/1 ?' },
    });
    await call(`/v1/jobs/${job.id}/cancel?secret=1`, 'canceled-it', { method: 'POST' });
    expect(await entryOf('canceled-it')).toMatchObject({
      ...{ operation: 'cancelJob', path: `/v1/jobs/${job.id}/cancel`, records: [job.id], status: 200 },
    });
    const { body: again } = await call(`/v1/jobs/${job.id}/retry`, 'repeated-it', { method: 'POST' });
    expect((await entryOf('repeated-it')).records).toEqual([job.id, again.id]);
    expect(JSON.stringify(await redis.xrange(redisKeys(api.prefix).audit, '-', '+'))).not.toContain('secret');
  });

  const damages: Record<string, (fields: Record<string, string>) => object> = {
    'its status is no number': () => ({ status: 'fine' }),
    'its status is a fraction': () => ({ status: '200.5' }),
    'a newer version wrote it': () => ({ schema: '2000' }),
    'it lacks a field': () => ({ path: undefined }),
    'it has other fields': (fields) =>
      Object.fromEntries(
        Object.keys(fields)
          .map((name) => [name, undefined])
          .concat([['x', 'y']]),
      ),
  };
  it.each(Object.entries(damages))(
    'skips and counts an entry that cannot be parsed: %s',
    async (_how, damage) => {
      const whole = {
        ...{ request_id: 'broken', method: 'POST', path: '/v1/jobs', records: '', status: '202' },
        address: '::1',
      };
      const fields = Object.entries({ ...whole, ...damage(whole) }).filter(
        ([, value]) => value !== undefined,
      );
      await redis.xadd(redisKeys(api.prefix).audit, '*', ...fields.flat());
      await call('/v1/jobs', 'after-the-broken', post(inline));
      await entryOf('after-the-broken');
      const { entries } = await page('limit=200');
      expect(entries.map((entry) => entry.request_id)).not.toContain('broken');
      expect(await (await api.call('/metrics')).text()).toMatch(
        /slipway_unreadable_records_total\{kind="audit_entry"\} [1-9]/,
      );
    },
  );

  it('skips an entry with an invalid id, and answers with a code when the whole log has another type', async () => {
    const alone = await startApi(inject('redisUrl'));
    onTestFinished(() => alone.stop());
    const key = redisKeys(alone.prefix).audit;
    await redis.xadd(key, '18446744073709551614-1', 'status', '200');
    expect((await page('', alone)).entries).toEqual([]);
    await redis.del(key);
    await redis.set(key, 'text');
    const answer = await alone.call('/v1/audit');
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      500,
      'record_unreadable',
    ]);
    await redis.del(key);
  });

  it('records refused requests, reads included, and no other reads', async () => {
    const wrong = { headers: { authorization: 'Bearer very-wrong' } };
    const { body } = await call('/v1/jobs', 'no-token', wrong);
    expect(body.request_id).toBe('no-token');
    const entry = await entryOf('no-token');
    expect(entry).toMatchObject({ operation: 'listJobs', status: 401, code: 'unauthorized', records: [] });
    expect(entry).not.toHaveProperty('tenant');
    const others = { headers: { authorization: 'Bearer other-token' } };
    await call('/v1/audit', 'not-allowed', others);
    expect(await entryOf('not-allowed')).toMatchObject({
      ...{ operation: 'listAudit', tenant: 'other', status: 403, code: 'forbidden' },
    });
    await call('/v1/jobs', 'only-read', others);
    await call('/v1/jobs', 'refused-it', post({ image: 'UPPER' }));
    expect(await entryOf('refused-it')).toMatchObject({ status: 422, code: 'image_invalid' });
    const { entries } = await page('limit=200');
    expect(entries.map((e) => e.request_id)).not.toContain('only-read');
    expect(JSON.stringify(entries)).not.toMatch(/very-wrong|other-token/);
  });

  it('records POST /build, with the secret that signed it', async () => {
    const body = archive([
      { path: 'com.openfaas.docker.config', text: JSON.stringify({ image: 'r.example/b:1' }) },
      { path: 'context/Dockerfile', text: 'FROM scratch\n' },
    ]);
    const signed = (secret: string) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    const build = (id: string, secret: string, signal?: AbortSignal) =>
      fetch(`${api.url}/build`, {
        method: 'POST',
        headers: { 'x-build-signature': signed(secret), 'x-request-id': id, accept: 'application/x-ndjson' },
        body,
        ...(signal && { signal }),
      });
    const leave = new AbortController();
    const answer = await build('built', 'other-payload', leave.signal);
    const job = answer.headers.get('x-slipway-job');
    leave.abort();
    expect(await entryOf('built')).toMatchObject({
      ...{ operation: 'build', tenant: 'other', token: 'payload_secret', records: [job], status: 200 },
    });
    await build('forged', 'nonsense');
    expect(await entryOf('forged')).toMatchObject({ operation: 'build', status: 401 });
  });

  it('is filtered by tenant, token, operation and time, and paginated, newest first', async () => {
    const since = (await entryOf('made-a-job')).at;
    await api.call('/v1/jobs', {
      ...post(inline),
      headers: { ...post(inline).headers, authorization: 'Bearer other-token', 'x-request-id': 'of-other' },
    });
    await entryOf('of-other');
    const ofOther = (await page('tenant=other&operation=submitJob')).entries;
    expect(ofOther.map((e) => e.request_id)).toEqual(['of-other']);
    expect((await page('token=API_TOKEN')).entries.every((e) => e.token === 'API_TOKEN')).toBe(true);
    const { entries: all } = await page('limit=200');
    expect(all.map((e) => e.id)).toEqual(
      all
        .map((e) => e.id)
        .toSorted()
        .toReversed(),
    );
    const seen: AuditEntryView[] = [];
    for (let cursor = ''; ; ) {
      const { entries, next_cursor } = await page(`limit=2${cursor}`);
      seen.push(...entries);
      if (next_cursor === undefined) break;
      cursor = `&cursor=${next_cursor}`;
    }
    expect(seen).toEqual(all);
    expect((await page(`since=${since}`)).entries).toEqual(all);
    expect((await page('until=2020-01-01T00:00:00Z')).entries).toEqual([]);
    expect((await page('since=2100-01-01T00:00:00Z')).entries).toEqual([]);
    expect((await page('until=1900-01-01T00:00:00Z')).entries).toEqual([]);
    expect((await page('since=1900-01-01T00:00:00Z')).entries).not.toEqual([]);
    expect((await page('cursor=0-0')).entries).toEqual([]);
    expect((await api.call('/v1/audit?cursor=x')).status).toBe(422);
  });

  it('limits the entries of requests without a valid token per address', async () => {
    const headers = { authorization: 'none', 'x-forwarded-for': '198.51.100.1' };
    for (let at = 0; at < 70; at++) await fetch(`${api.url}/v1/jobs`, { headers });
    const own = async () =>
      (await page('limit=200')).entries.filter(({ address }) => address === '198.51.100.1').length;
    await expect.poll(own).toBe(60);
  });
});

describe('the size of the log', () => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const entry: AuditEntry = {
    ...{
      request_id: 'r',
      method: 'POST',
      path: '/v1/jobs',
      records: ['a', 'b'],
      status: 202,
      address: '::1',
    },
  };
  const openLog = (options: { maxEntries?: number; keptMs?: number } = {}) => {
    const keys = redisKeys(`audit-${createHash('sha256').update(String(Math.random())).digest('hex')}`);
    const rest = { maxEntries: 1_000, keptMs: 60_000, now: Date.now, faults: noRecordFaults, ...options };
    return { keys, log: new AuditLog({ redis, keys, registry: new Registry(), logger, ...rest }) };
  };

  it('is bounded by number', async () => {
    const { log, keys } = openLog({ maxEntries: 200 });
    for (let at = 0; at < 1_000; at++) log.add(entry);
    await log.flush();
    expect(await redis.xlen(keys.audit)).toBeLessThanOrEqual(300);
    expect(await redis.xlen(keys.audit)).toBeGreaterThanOrEqual(200);
  });

  it('is bounded by age, also on reads before the removal', async () => {
    const { log, keys } = openLog();
    await redis.xadd(keys.audit, `${Date.now() - 61_000}-0`, 'request_id', 'old');
    log.add(entry);
    await log.flush();
    const { entries } = await log.list({ limit: 10 });
    expect(entries.map(({ request_id }) => request_id)).toEqual(['r']);
    expect(entries[0]).toMatchObject(entry);
    const stop = new AbortController();
    const running = log.run(stop.signal);
    await expect.poll(() => redis.xlen(keys.audit)).toBe(1);
    stop.abort();
    await running;
  });

  it('is scanned in bounded runs when few of many entries match', async () => {
    const { log, keys } = openLog({ maxEntries: 100_000 });
    log.add({ ...entry, tenant: 'rare' });
    await log.flush();
    for (let batch = 0; batch < 11; batch++) {
      const pipeline = redis.pipeline();
      for (let at = 0; at < 1_000; at++) pipeline.xadd(keys.audit, '*', 'request_id', 'x', 'tenant', 'usual');
      await pipeline.exec();
    }
    const first = await log.list({ tenant: 'rare', limit: 10 });
    expect(first.entries).toEqual([]);
    const second = await log.list({ tenant: 'rare', limit: 10, cursor: first.next });
    expect([second.entries.length, second.next]).toEqual([1, undefined]);
  });

  it('is logged as an error when it cannot be written', async () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const errorLogger = createLogger({ name: 'test', level: 'error', destination });
    const cleanups = new Cleanups();
    const away = connectRedis({
      ...{ url: 'redis://127.0.0.1:1', name: 'away', logger, cleanups, mode: 'request' },
    });
    const registry = new Registry();
    const log = new AuditLog({
      now: Date.now,
      redis: away,
      keys: redisKeys('away'),
      registry,
      logger: errorLogger,
      faults: noRecordFaults,
      maxEntries: 10,
      keptMs: 1,
    });
    log.add(entry);
    await log.flush();
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 'error', request_id: 'r', entry }]);
    expect(await registry.metrics()).toContain('slipway_audit_failures_total 1');
    await cleanups.run(logger);
  });
});

describe('a request id', () => {
  it.each(['a', 'trace/0af7651916cd43dd8448eb211c80319c:1', 'x'.repeat(128)])(
    'is kept if it is valid: %s',
    async (id) => {
      expect(
        (await api.call('/healthz', { headers: { 'x-request-id': id } })).headers.get('x-request-id'),
      ).toBe(id);
    },
  );

  it.each(['', 'x'.repeat(129), 'a b', '<script>', 'a"b'])('is replaced if it is invalid: %j', async (id) => {
    const made = (await api.call('/nowhere', { headers: { 'x-request-id': id } })).headers.get(
      'x-request-id',
    );
    expect(made).toMatch(/^[0-9a-f-]{36}$/);
  });
});
