import { randomUUID } from 'node:crypto';
import { JobStore } from '@slipway/control-plane/jobs';
import type { Batch, Job } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

const mebibyte = 1024 * 1024;
const budget = 4 * mebibyte;
/** Returns items of a batch. */
const count = 150;

let api: RunningApi;
let redis: Redis;
let worker: JobStore;
let digest: string;

beforeAll(async () => {
  api = await startApi(
    inject('redisUrl'),
    { maxQueuedJobs: 2_000, maxSourceBytes: 4 * mebibyte },
    {
      tenants: [
        { name: 'small', token: 'small', settings: { limits: { stored_bytes: budget } } },
        { name: 'keys', token: 'keys', settings: { limits: { stored_bytes: mebibyte } } },
        { name: 'other', token: 'other' },
      ],
    },
  );
  redis = new Redis(inject('redisUrl'));
  worker = new JobStore({ redis, keys: redisKeys(api.prefix) });
  for (const token of ['token', 'small']) {
    const body = archive([{ path: 'Dockerfile', text: 'FROM scratch\n' }]);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-tar' };
    const uploaded = await api.call('/v1/sources', { method: 'POST', headers, body });
    ({ digest } = (await uploaded.json()) as { digest: string });
  }
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});

/** Returns the memory of every key of the installation. */
async function storedBytes(): Promise<number> {
  const base = redisKeys(api.prefix).base;
  let [cursor, sum] = ['0', 0];
  do {
    const [next, names] = await redis.scan(cursor, 'MATCH', `${base}*`, 'COUNT', 1_000);
    cursor = next;
    const sizes = await Promise.all(names.map((name) => redis.memory('USAGE', name, 'SAMPLES', 0)));
    sum += sizes.reduce<number>((total, size) => total + (size ?? 0), 0);
  } while (cursor !== '0');
  return sum;
}

/** A megabyte of build arguments. */
const large = () =>
  Object.fromEntries(
    Array.from({ length: 31 }, (_item, at) => [`ARG_${at}`, randomUUID().padEnd(32_000, 'x')]),
  );
const items = (count: number, changes: (at: number) => object = () => ({})) => {
  const name = randomUUID();
  return Array.from({ length: count }, (_item, at) => ({
    image: `r.example/${name}/${at}:1`,
    ...changes(at),
  }));
};
const as = (token: string) => ({
  post: (path: string, body: unknown, headers: Record<string, string> = {}) =>
    api.call(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }),
  get: (path: string) => api.call(path, { headers: { authorization: `Bearer ${token}` } }),
});
const json = async <T>(answer: Response): Promise<T> => (await answer.json()) as T;
const usage = async (token: string) =>
  (await json<{ tenant: { usage: { stored_bytes: number } } }>(await as(token).get('/v1/me'))).tenant.usage
    .stored_bytes;

describe('what the items of a batch share', () => {
  it.each([
    ['the same arguments', () => ({})],
    ['an argument of its own each', (at: number) => ({ build_args: { OWN: String(at) } })],
    [
      'some that replace those of the defaults',
      (at: number) =>
        at === 0 ? { build_args: { ARG_0: 'x', ARG_7: 'y' } } : { build_args: { OWN: String(at) } },
    ],
  ])('is stored once: %s', async (_what, changes) => {
    const before = await storedBytes();
    const args = large();
    const answer = await as('token').post('/v1/batches', {
      defaults: { source: { digest }, build_args: args },
      items: items(count, changes),
    });
    expect(answer.status).toBe(202);
    const { id } = await json<Batch>(answer);
    expect((await storedBytes()) - before).toBeLessThan(3 * mebibyte);
    // Only the last page: all of them would be an answer of 150 MB.
    const { jobs } = await json<{ jobs: Job[] }>(await as('token').get(`/v1/batches/${id}/jobs?limit=10`));
    for (const [index, job] of jobs.reverse().entries()) {
      const at = count - jobs.length + index;
      const own = (changes(at) as { build_args?: Record<string, string> }).build_args ?? {};
      expect(job.build_args).toEqual({ ...args, ...own });
    }
    const first = jobs[0] as Job;
    expect((await worker.admit(first.id)) as object).toMatchObject({
      record: { spec: { build_args: first.build_args } },
    });
  });

  it('is refused when all of it together is too large', async () => {
    const answer = await as('token').post('/v1/batches', {
      defaults: { source: { digest }, build_args: large() },
      items: items(1_000),
    });
    expect([answer.status, (await json<{ code: string }>(answer)).code]).toEqual([413, 'batch_too_large']);
  });
});

describe('a page of large jobs', () => {
  it('is short, and all pages together hold each job once', async () => {
    const answer = await as('token').post('/v1/batches', {
      defaults: { source: { digest }, build_args: large() },
      items: items(40),
    });
    const { id } = await json<Batch>(answer);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const query = cursor === undefined ? '' : `&cursor=${cursor}`;
      const page = await as('token').get(`/v1/batches/${id}/jobs?limit=200${query}`);
      const { jobs, next_cursor } = await json<{ jobs: Job[]; next_cursor?: string }>(page);
      expect(jobs.length).toBeLessThan(20);
      seen.push(...jobs.map((job) => job.id));
      cursor = next_cursor;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(40);
    expect(seen).toHaveLength(40);
  });
});

describe('the budget of a tenant', () => {
  it('counts the records of idempotency keys, also before any job exists', async () => {
    const plan = {
      defaults: { source: { files: { Dockerfile: 'FROM scratch\n' } } },
      items: items(100),
      dry_run: true,
    };
    const before = await storedBytes();
    const statuses = new Set<number>();
    for (let tries = 0; tries < 100 && !statuses.has(413); tries++) {
      statuses.add((await as('keys').post('/v1/batches', plan, { 'idempotency-key': randomUUID() })).status);
    }
    expect([...statuses]).toEqual([200, 413]);
    expect((await storedBytes()) - before).toBeLessThan(1.25 * mebibyte);
  });

  it('is shown, counts stored bytes, and refuses requests beyond it', async () => {
    const small = as('small');
    expect(await json(await small.get('/v1/me'))).toMatchObject({
      tenant: { limits: { stored_bytes: budget }, usage: { stored_bytes: expect.any(Number) } },
    });
    const before = await storedBytes();
    let refused: Response | undefined;
    for (let tries = 0; tries < 20 && !refused; tries++) {
      const answer = await small.post('/v1/jobs', {
        image: `r.example/${randomUUID()}:1`,
        source: { digest },
        build_args: large(),
        push: false,
      });
      if (answer.status !== 202) refused = answer;
    }
    expect(refused?.status).toBe(413);
    expect((await json<{ code: string }>(refused as Response)).code).toBe('stored_quota_exceeded');
    expect((await storedBytes()) - before).toBeLessThan(budget);
    expect(await usage('small')).toBeLessThanOrEqual(budget);
    // A batch is refused as a whole, and leaves nothing.
    const used = await usage('small');
    const many = await small.post('/v1/batches', { defaults: { source: { digest } }, items: items(1_500) });
    expect([many.status, (await json<{ code: string }>(many)).code]).toEqual([413, 'stored_quota_exceeded']);
    expect(await usage('small')).toBe(used);
    // Other tenants are not affected.
    const other = await as('token').post('/v1/jobs', {
      image: `r.example/${randomUUID()}:1`,
      source: { digest },
    });
    expect(other.status).toBe(202);
  });
});
