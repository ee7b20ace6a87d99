import { createHash, randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { BatchStore, JobStore } from '@slipway/control-plane/jobs';
import { Secret } from '@slipway/shared/config';
import { redisKeys } from '@slipway/shared/redis';
import { deriveKey } from '@slipway/shared/signing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { newSeed, ReservedIds } from './ids.js';
import { KeyStore } from './key-store.js';

/** Two processes of one installation. */
let apis: readonly [RunningApi, RunningApi];
let redis: Redis;
let source: { digest: string };
const keysOf = () => redisKeys(apis[0].prefix);

beforeAll(async () => {
  const first = await startApi(inject('redisUrl'), { maxQueuedJobs: 1_000 });
  const same = { redisPrefix: first.prefix, blobStore: `file://${first.blobs}`, maxQueuedJobs: 1_000 };
  apis = [first, await startApi(inject('redisUrl'), same)];
  redis = new Redis(inject('redisUrl'));
  const body = archive([{ path: 'Dockerfile', text: 'FROM scratch\n' }]);
  const headers = { 'content-type': 'application/x-tar' };
  const answer = await first.call('/v1/sources', { method: 'POST', headers, body });
  source = { digest: ((await answer.json()) as typeof source).digest };
});
afterAll(async () => {
  redis.disconnect();
  await Promise.all(apis.map((api) => api.stop()));
});

interface Sent {
  readonly key?: string;
  readonly token?: string;
  readonly api?: RunningApi;
}
const send = async (path: string, body: unknown, { key, token = 'token', api = apis[0] }: Sent) => {
  const answer = await api.call(path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    replayed: answer.headers.get('idempotency-replayed'),
    retryAfter: answer.headers.get('retry-after'),
    location: answer.headers.get('location'),
    type: answer.headers.get('content-type'),
    text,
    // biome-ignore lint/suspicious/noExplicitAny: tests compare whatever came.
    body: (text === '' ? undefined : JSON.parse(text)) as any,
  };
};
const spec = (image = `r.example/${randomUUID()}:1`) => ({ image, source });
const jobsOf = async (image: string) => {
  const { jobs } = (await (await apis[0].call(`/v1/jobs?image=${image}`)).json()) as { jobs: object[] };
  return jobs.length;
};
const recordOf = (key: string, tenant = 'default') =>
  keysOf().idempotency(tenant, createHash('sha256').update(key).digest('hex'));
/** Leaves the state of a process that died after it created a record and before it stored its answer, with an expired lease. */
const dieBeforeAnswer = async (key: string) => {
  expect(await redis.hdel(recordOf(key), 'answer')).toBe(1);
  await redis.hset(recordOf(key), 'until', 0);
};

describe('a request with a key', () => {
  it('runs once, and is replayed by any process', async () => {
    const [key, body] = [randomUUID(), spec()];
    const first = await send('/v1/jobs', body, { key });
    expect([first.status, first.replayed]).toEqual([202, null]);
    const again = await send('/v1/jobs', body, { key, api: apis[1] });
    expect(again).toEqual({ ...first, replayed: 'true' });
    expect(await send('/v1/jobs', body, { key: `"${key}"` })).toEqual({ ...first, replayed: 'true' });
    expect(await jobsOf(body.image)).toBe(1);
    expect((await send('/v1/jobs', body, { key: randomUUID() })).body.id).not.toBe(first.body.id);
    const ttl = await redis.pttl(recordOf(key));
    expect(ttl).toBeGreaterThan(23 * 3600 * 1_000);
    expect(ttl).toBeLessThanOrEqual(24 * 3600 * 1_000);
  });

  it('runs once when twenty clients send it at the same time', async () => {
    const [key, body] = [randomUUID(), spec()];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => send('/v1/jobs', body, { key, api: apis[at % 2 ? 1 : 0] })),
    );
    const codes = new Set(answers.map(({ status, body: { code } }) => code ?? status));
    codes.delete('idempotency_key_in_progress');
    expect([...codes]).toEqual([202]);
    const ids = new Set(answers.flatMap(({ status, body: { id } }) => (status === 202 ? [id] : [])));
    expect(ids.size).toBe(1);
    expect(await jobsOf(body.image)).toBe(1);
  });

  it.each([
    ['body', '/v1/jobs', { push: false }],
    ['path', '/v1/batches', {}],
    ['query', '/v1/jobs?x=1', {}],
  ])('with another %s is refused', async (_what, path, changes) => {
    const [key, body] = [randomUUID(), spec()];
    expect((await send('/v1/jobs', body, { key })).status).toBe(202);
    const other = { ...body, ...changes };
    const answer = await send(path, path === '/v1/batches' ? { items: [other] } : other, { key });
    expect([answer.status, answer.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('is separate for each tenant', async () => {
    const key = randomUUID();
    const body = { image: 'r.example/same:1', source: { files: { Dockerfile: 'FROM scratch\n' } } };
    const mine = await send('/v1/jobs', body, { key });
    const theirs = await send('/v1/jobs', body, { key, token: 'other-token' });
    expect([mine.status, theirs.status, theirs.replayed]).toEqual([202, 202, null]);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  it('gets a Retry-After while it is in progress', async () => {
    const [key, body] = [randomUUID(), spec()];
    const made = await send('/v1/jobs', body, { key });
    await redis.hdel(recordOf(key), 'answer');
    // The lease of the running request has not expired.
    const answer = await send('/v1/jobs', body, { key });
    expect([answer.status, answer.body.code, answer.retryAfter]).toEqual([
      ...[409, 'idempotency_key_in_progress', '5'],
    ]);
    await redis.hset(recordOf(key), 'until', 0);
    expect((await send('/v1/jobs', body, { key })).body.id).toBe(made.body.id);
  });

  it.each([
    ['is empty in its quotes', '""'],
    ['is too long', 'k'.repeat(256)],
    ['has a space', 'a b'],
    ['is not ASCII', 'schl\u00fcssel'],
  ])('is refused when it %s', async (_what, key) => {
    const answer = await send('/v1/jobs', spec(), { key });
    expect([answer.status, answer.body.code]).toEqual([400, 'idempotency_key_invalid']);
  });

  it('replays a refusal, and not an error that asks for a retry', async () => {
    const key = randomUUID();
    const body = { ...spec(), pool: 'none' };
    const first = await send('/v1/jobs', body, { key });
    expect([first.status, first.body.code]).toEqual([422, 'pool_not_found']);
    expect(await send('/v1/jobs', body, { key })).toEqual({ ...first, replayed: 'true' });

    const small = await startApi(inject('redisUrl'), { maxQueuedJobs: 1 });
    try {
      const inline = { image: 'r.example/x:1', source: { files: { Dockerfile: 'FROM scratch\n' } } };
      const { body: job } = await send('/v1/jobs', inline, { api: small });
      const full = await send('/v1/jobs', { ...inline, force: true }, { key, api: small });
      expect([full.status, full.body.code]).toEqual([429, 'queue_full']);
      await send(`/v1/jobs/${job.id}/cancel`, undefined, { api: small });
      const room = await send('/v1/jobs', { ...inline, force: true }, { key, api: small });
      expect([room.status, room.replayed]).toEqual([202, null]);
    } finally {
      await small.stop();
    }
  });

  it('allows another try after a 5xx', async () => {
    const key = randomUUID();
    const body = { image: `r.example/${key}:1`, source: { files: { Dockerfile: `FROM ${key}\n` } } };
    const { blobs } = apis[0];
    renameSync(blobs, `${blobs}-away`);
    writeFileSync(blobs, 'not a folder');
    const failed = await send('/v1/jobs', body, { key });
    rmSync(blobs);
    renameSync(`${blobs}-away`, blobs);
    expect(failed.status).toBeGreaterThanOrEqual(500);
    const again = await send('/v1/jobs', body, { key });
    expect([again.status, again.replayed]).toEqual([202, null]);
    expect(await jobsOf(body.image)).toBe(1);
  });

  it('is replayed for requests without a body, and for changes of a record', async () => {
    const { body: job } = await send('/v1/jobs', spec(), {});
    const key = randomUUID();
    const path = `/v1/jobs/${job.id}/cancel`;
    const first = await send(path, undefined, { key });
    expect(first.status).toBe(200);
    expect(await send(path, undefined, { key })).toEqual({ ...first, replayed: 'true' });
    const retried = await send(`/v1/jobs/${job.id}/retry`, undefined, { key: `${key}-retry` });
    const repeated = await send(`/v1/jobs/${job.id}/retry`, undefined, { key: `${key}-retry` });
    expect([retried.status, repeated.body.id]).toEqual([202, retried.body.id]);
  });
});

describe('after a process died before it stored its answer', () => {
  it('a job that it created is found, not created again', async () => {
    const [key, body] = [randomUUID(), spec()];
    const first = await send('/v1/jobs', body, { key });
    await dieBeforeAnswer(key);
    const again = await send('/v1/jobs', body, { key, api: apis[1] });
    expect([again.status, again.replayed, again.body.id]).toEqual([202, null, first.body.id]);
    expect(again.location).toBe(first.location);
    expect(await jobsOf(body.image)).toBe(1);
    expect((await send('/v1/jobs', body, { key })).replayed).toBe('true');
  });

  it('a job that it had not created is created with the stored id', async () => {
    const [key, body] = [randomUUID(), spec()];
    await send('/v1/jobs', body, { key });
    const request = (await redis.hget(recordOf(key), 'request')) ?? '';
    const other = randomUUID();
    const seed = newSeed();
    const store = new KeyStore({ redis, keys: keysOf(), sealingKey: Buffer.alloc(32) });
    await store.claim({ tenant: 'default', key: other, token: 'dead' }, { request, seed, leaseMs: 0 });
    const answer = await send('/v1/jobs', body, { key: other });
    expect([answer.status, answer.body.id]).toEqual([202, `job_${seed}`]);
    expect(await jobsOf(body.image)).toBe(2);
  });

  it('a repeated job that it created is found', async () => {
    const { body: job } = await send('/v1/jobs', spec(), {});
    await send(`/v1/jobs/${job.id}/cancel`, undefined, {});
    const key = randomUUID();
    const first = await send(`/v1/jobs/${job.id}/retry`, undefined, { key });
    await dieBeforeAnswer(key);
    const again = await send(`/v1/jobs/${job.id}/retry`, undefined, { key });
    expect([again.status, again.body.id]).toEqual([202, first.body.id]);
    expect(await jobsOf(job.image)).toBe(2);
  });

  it('a batch that it created is found, also of a rebuild and a retry', async () => {
    const image = `r.example/${randomUUID()}:1`;
    const body = { items: [{ ...spec(image), function: 'dev/batched' }] };
    const twice = async (path: string, sent: object) => {
      const key = randomUUID();
      const first = await send(path, sent, { key });
      expect([first.status, first.body.detail]).toEqual([202, undefined]);
      await dieBeforeAnswer(key);
      const again = await send(path, sent, { key, api: apis[1] });
      expect([again.status, again.location]).toEqual([202, first.location]);
      return first.location ?? '';
    };
    const path = await twice('/v1/batches', body);
    expect(await jobsOf(image)).toBe(1);
    expect((await send(`${path}/cancel`, undefined, {})).status).toBe(202);
    await expect
      .poll(async () => ((await (await apis[0].call(path)).json()) as { state: string }).state)
      .toBe('finished');
    await twice(`${path}/retry`, { which: 'all' });
    expect(await jobsOf(image)).toBe(2);
    await twice('/v1/rebuilds', { select: { functions: ['dev/batched'] } });
    expect(await jobsOf(image)).toBe(3);
  });

  it('a batch that it had written in part is canceled, and created again once', async () => {
    const body = { items: [spec(), spec(), spec()] };
    const images = body.items.map(({ image }) => image);
    const key = randomUUID();
    await send('/v1/batches', body, { key });
    const request = (await redis.hget(recordOf(key), 'request')) ?? '';
    // The state of a process that wrote the second of three jobs.
    const other = randomUUID();
    const seed = newSeed();
    const keys = keysOf();
    const store = new KeyStore({ redis, keys, sealingKey: Buffer.alloc(32) });
    await store.claim({ tenant: 'default', key: other, token: 'dead' }, { request, seed, leaseMs: 0 });
    const ids = new ReservedIds({ seed, used: false, renew: async () => seed });
    const [batches, jobs] = [new BatchStore({ redis, keys }), new JobStore({ redis, keys })];
    const tenant = { name: 'default', weight: 1 };
    const { spec: jobSpec } = (await jobs.list({ tenant: 'default', limit: 1 })).records[0] ?? expect.fail();
    const draft = ids.next('batch');
    await batches.open(draft, { tenant, total: 3, options: { on_failure: 'continue', labels: {} } });
    for (const image of images.slice(0, 2)) {
      await jobs.create(ids.next('job'), { ...jobSpec, image }, { tenant, batch: draft });
    }
    const made = await send('/v1/batches', body, { key: other });
    expect([made.status, made.body.total]).toEqual([202, 3]);
    expect(made.body.id).not.toBe(draft);
    expect(await batches.get(draft)).toMatchObject({ committed: false, stopped: 'canceled' });
    await dieBeforeAnswer(other);
    expect((await send('/v1/batches', body, { key: other })).body.id).toBe(made.body.id);
  });
});

describe('a stored answer', () => {
  const claim = { tenant: 'default', key: 'sealed', token: 'try' };
  const wanted = { request: 'r', seed: newSeed(), leaseMs: 60_000 };
  const answer = {
    status: 201,
    type: 'application/json',
    location: undefined,
    body: '{"token":"slp_secret"}',
  };

  it('reveals no secret to a reader of Redis', async () => {
    const keys = redisKeys(`keys-${randomUUID()}`);
    const sealingKey = deriveKey(new Secret('payload'), 'stored answers');
    const store = new KeyStore({ redis, keys, sealingKey });
    await store.claim(claim, wanted);
    await store.answer(claim, answer);
    const record = keys.idempotency('default', createHash('sha256').update('sealed').digest('hex'));
    expect(JSON.stringify(await redis.hgetall(record))).not.toContain('slp_secret');
    expect(await store.claim(claim, wanted)).toEqual({ outcome: 'answered', answer });
  });

  it('are bounded: of a large answer only the ids are stored', async () => {
    const keys = redisKeys(`keys-${randomUUID()}`);
    const store = new KeyStore({ redis, keys, sealingKey: Buffer.alloc(32) });
    await store.claim(claim, wanted);
    await store.answer(claim, { ...answer, body: 'x'.repeat(50_000) });
    expect(await store.claim(claim, wanted)).toEqual({ outcome: 'claimed', seed: wanted.seed, used: true });
  });

  it('are charged to the tenant, and refused without room', async () => {
    const keys = redisKeys(`keys-${randomUUID()}`);
    const store = new KeyStore({ redis, keys, sealingKey: Buffer.alloc(32) });
    await redis.hset(keys.stored('default'), 'limit', 60_000);
    const large = { ...answer, body: 'x'.repeat(40_000) };
    const outcomes: string[] = [];
    for (let at = 0; at < 2; at++) {
      const each = { ...claim, key: `key-${at}` };
      const { outcome } = await store.claim(each, wanted);
      if (outcome === 'claimed') await store.answer(each, large);
      outcomes.push(outcome);
    }
    expect(outcomes).toEqual(['claimed', 'full']);
    const account = await redis.hgetall(keys.stored('default'));
    const due = Object.entries(account).find(([field]) => field.startsWith('due:'));
    expect(due?.[1]).toBe(account.bytes);
  });

  it('are not changed by a try whose claim was taken over', async () => {
    const keys = redisKeys(`keys-${randomUUID()}`);
    const store = new KeyStore({ redis, keys, sealingKey: Buffer.alloc(32) });
    await store.claim(claim, { ...wanted, leaseMs: 0 });
    await store.claim({ ...claim, token: 'second' }, wanted);
    await store.answer(claim, answer);
    await store.giveUp(claim);
    expect(await store.claim({ ...claim, token: 'third' }, wanted)).toMatchObject({ outcome: 'busy' });
  });
});

describe('reserved ids', () => {
  it('are the same on each try, distinct, and sorted by creation', () => {
    const seed = newSeed();
    const make = () => {
      const ids = new ReservedIds({ seed, used: true, renew: async () => seed });
      return Array.from({ length: 10_001 }, () => ids.next('job'));
    };
    const [, ...derived] = make();
    expect(make()[0]).toBe(`job_${seed}`);
    expect(make().slice(1)).toEqual(derived);
    expect(new Set(derived).size).toBe(10_000);
    expect(derived.toSorted()).toEqual(derived);
    for (const id of derived.slice(0, 50)) expect(id).toMatch(/^job_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    const inCell = new ReservedIds({ seed: `${seed}_eu1`, used: true, renew: async () => seed });
    const [first, ...others] = Array.from({ length: 50 }, () => inCell.next('job'));
    expect(first).toBe(`job_${seed}_eu1`);
    for (const id of others) expect(id).toMatch(new RegExp(`^job_${seed.slice(0, 10)}[0-9a-z]{16}_eu1$`));
    expect(others.toSorted()).toEqual(others);
  });
});
