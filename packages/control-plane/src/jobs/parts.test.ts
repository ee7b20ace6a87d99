import { randomUUID } from 'node:crypto';
import { isTerminal, jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseEvents } from '../events/index.js';
import { BatchStore } from './batch-store.js';
import type { QueueChange } from './dispatch.js';
import { JobStore } from './job-store.js';
import { plannedRecord } from './planned-record.js';
import { type JobRecord, toJob } from './record.js';
import { emptyQueues } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const tenant = { name: 'default', weight: 1 };
const source = { digest: `sha256:${'a'.repeat(64)}` };
const parts = [
  { pool: 'amd', platforms: ['linux/amd64'] },
  { pool: 'arm', platforms: ['linux/arm64'] },
];
const result = (image: string) => ({ image, digest: `sha256:${'1'.repeat(64)}`, duration_ms: 1 });
const error = { code: 'build_failed' as const, detail: 'no', log_tail: ['x'] };

it('a job with a given plan is written as planned', async () => {
  const store = new JobStore({ redis, keys: redisKeys(`parts-${randomUUID()}`) });
  const spec = jobSpecSchema.parse({ image: 'r.example/a:1', source });
  const options = { tenant, pool: 'amd', parts };
  const planned = plannedRecord(spec, options);
  const id = newId('job');
  await store.create(id, spec, { ...options, planned });
  expect((await store.get(id))?.parts).toMatchObject(JSON.parse(planned.parts?.parts ?? ''));
});

/** An installation whose queue is a list of the released jobs. */
class Installation {
  readonly keys = redisKeys(`parts-${randomUUID()}`);
  readonly queued = new Map<string, string>();
  readonly ids: string[] = [];
  readonly tokens = new Map<string, string>();
  readonly #dispatch = {
    apply: async ({ released }: QueueChange) => {
      for (const { id, pool } of released) this.queued.set(id, pool);
    },
  };
  readonly store = new JobStore({ redis, keys: this.keys, dispatch: this.#dispatch });
  readonly batches = new BatchStore({ redis, keys: this.keys, dispatch: this.#dispatch });

  async submit(changes: object = {}, batch?: string): Promise<string> {
    const id = newId('job');
    const platforms = parts.flatMap((part) => part.platforms);
    const spec = jobSpecSchema.parse({ image: 'r.example/a:1', source, platforms, ...changes });
    await this.store.create(id, spec, { tenant, pool: 'amd', parts, batch });
    expect(this.queued.has(id)).toBe(false);
    this.ids.push(id);
    return id;
  }

  async get(id: string): Promise<JobRecord> {
    const record = await this.store.get(id);
    if (!record) throw new Error(`no record ${id}`);
    return record;
  }

  async partsOf(id: string): Promise<string[]> {
    return (await this.get(id)).parts?.map((part) => part.id) ?? [];
  }

  /** Starts a job as a worker does: only from the queue, and after `admit`. */
  async start(id: string): Promise<boolean> {
    if (!this.queued.has(id) || (await this.store.admit(id)).outcome !== 'ready') return false;
    const token = randomUUID();
    const reply = await this.store.start(id, {
      token,
      worker: 'w',
      replica: 'http://b',
      takesSuspects: true,
    });
    if (reply.outcome === 'started') this.tokens.set(id, token);
    return reply.outcome === 'started';
  }

  async succeed(id: string): Promise<boolean> {
    const { spec } = await this.get(id);
    const end = { state: 'succeeded', result: result(spec.image) } as const;
    return await this.store.finish(id, this.tokens.get(id) ?? 'none', end);
  }

  async build(id: string): Promise<void> {
    expect(await this.start(id)).toBe(true);
    expect(await this.succeed(id)).toBe(true);
  }

  fail = (id: string) => this.store.finish(id, this.tokens.get(id) ?? 'none', { state: 'failed', error });
}

describe('a job that is built in parts', () => {
  it('becomes a job for each pool, and goes to the queue itself when all of them have succeeded', async () => {
    const installation = new Installation();
    const { store, queued } = installation;
    const vcs = { repo: 'acme/shop', sha: 'a'.repeat(40) };
    const id = await installation.submit({ function: 'fn', vcs, labels: { a: 'b' }, build_args: { A: '1' } });
    expect((await installation.get(id)).spec.vcs).toEqual(vcs);
    const [amd, arm] = (await installation.partsOf(id)) as [string, string];
    expect([...queued]).toEqual([
      [amd, 'amd'],
      [arm, 'arm'],
    ]);
    expect(toJob(await installation.get(id))).toMatchObject({
      state: 'queued',
      pool: 'amd',
      parts: [
        { job: amd, pool: 'amd', platforms: ['linux/amd64'], state: 'queued' },
        { job: arm, pool: 'arm', platforms: ['linux/arm64'], state: 'queued' },
      ],
    });
    expect(toJob(await installation.get(arm))).toMatchObject({
      part_of: id,
      pool: 'arm',
      image: 'r.example/a:1-arm',
      platforms: ['linux/arm64'],
      build_args: { A: '1' },
      labels: { a: 'b' },
    });
    expect((await installation.get(arm)).spec.vcs).toBeUndefined();
    const { dispatch } = emptyQueues({ redis, keys: installation.keys, logger });
    expect(await dispatch.restore([id, arm])).toMatchObject([{ id: arm, pool: 'arm' }]);
    expect(await store.queue('arm')).toMatchObject({ queued: 1, running: 0 });
    expect(await store.admit(id)).toEqual({ outcome: 'missing' });
    await installation.build(amd);
    expect(queued.has(id)).toBe(false);
    await installation.build(arm);
    expect(queued.get(id)).toBe('amd');
    // It is before all jobs that wait for a slot.
    expect(await dispatch.restore([id])).toEqual([{ id, pool: 'amd', priority: 1 }]);
    expect(toJob(await installation.get(id)).parts).toMatchObject([
      { state: 'succeeded' },
      { state: 'succeeded' },
    ]);
    await installation.build(id);
    expect(await installation.get(id)).toMatchObject({ state: 'succeeded' });
    // Joining adds no build time.
    expect(await redis.zscore(installation.keys.durations, 'default/openfaas-fn/fn')).toBeNull();
  });

  it('gives each part its build options, and its tags of other repositories', async () => {
    const installation = new Installation();
    const tags = [
      'r.example/a:latest',
      'other.example/b:1',
      'other.example/b:2',
      'library/c',
      'docker.io/library/c:9',
    ];
    const options = {
      dockerfile: 'x',
      target: 't',
      image_labels: { a: 'b' },
      annotations: { c: 'd' },
      no_cache: true,
    };
    const id = await installation.submit({ ...options, tags });
    expect((await installation.get(id)).spec).toMatchObject({ ...options, tags });
    const [, arm] = (await installation.partsOf(id)) as [string, string];
    expect((await installation.get(arm)).spec).toMatchObject({
      ...options,
      image: 'r.example/a:1-arm',
      tags: ['other.example/b:2-arm', 'docker.io/library/c:9-arm'],
    });
    const plain = await installation.submit({ image: 'r.example/a:2', tags: ['r.example/a:latest'] });
    const [amd] = (await installation.partsOf(plain)) as [string];
    expect((await installation.get(amd)).spec).not.toHaveProperty('tags');
  });

  it('fails with the first part that fails, and cancels the others', async () => {
    const installation = new Installation();
    const id = await installation.submit();
    const [amd, arm] = (await installation.partsOf(id)) as [string, string];
    await installation.start(amd);
    await installation.fail(amd);
    expect(await installation.get(id)).toMatchObject({ state: 'failed', error });
    expect(await installation.get(arm)).toMatchObject({ state: 'canceled', error: { code: 'canceled' } });
  });

  it('that is canceled cancels its parts, also running ones', async () => {
    const installation = new Installation();
    const id = await installation.submit();
    const [amd, arm] = (await installation.partsOf(id)) as [string, string];
    await installation.start(arm);
    expect(await installation.store.cancel(id)).toBe('canceled');
    expect((await installation.get(amd)).state).toBe('canceled');
    expect(await installation.get(arm)).toMatchObject({ state: 'running', cancelRequested: true });
    expect(await installation.succeed(arm)).toBe(true);
    expect((await installation.get(id)).state).toBe('canceled');
  });

  it('is not built when an identical job is, or was, built', async () => {
    const installation = new Installation();
    const first = await installation.submit();
    const same = await installation.submit();
    expect(await installation.get(same)).toMatchObject({
      parts: [{ state: undefined }, { state: undefined }],
    });
    for (const id of await installation.partsOf(first)) await installation.build(id);
    await installation.build(first);
    expect(await installation.get(same)).toMatchObject({ state: 'succeeded', result: { cached: true } });
    const skipped = await installation.submit({ skip_if_unchanged: true });
    expect((await installation.get(skipped)).state).toBe('succeeded');
    expect(await installation.store.get((await installation.partsOf(skipped))[0] as string)).toBeUndefined();
  });

  it('is built when the identical job is canceled', async () => {
    const installation = new Installation();
    const first = await installation.submit();
    const same = await installation.submit();
    await installation.store.cancel(first);
    for (const id of await installation.partsOf(same)) await installation.build(id);
    await installation.build(same);
    expect((await installation.get(same)).state).toBe('succeeded');
  });

  it('builds no unchanged part again when it may be skipped', async () => {
    const installation = new Installation();
    const id = await installation.submit();
    const [amd, arm] = (await installation.partsOf(id)) as [string, string];
    await installation.build(amd);
    await installation.start(arm);
    await installation.fail(arm);
    const again = await installation.submit({ skip_if_unchanged: true });
    const [amdAgain, armAgain] = (await installation.partsOf(again)) as [string, string];
    expect((await installation.get(amdAgain)).result).toMatchObject({ cached: true });
    await installation.build(armAgain);
    await installation.build(again);
    expect((await installation.get(again)).state).toBe('succeeded');
  });

  it('of a batch waits for its turn with its parts, and counts as one job', async () => {
    const installation = new Installation();
    const batch = newId('batch');
    const options = { on_failure: 'continue', max_running: 1, labels: {} } as const;
    await installation.batches.open(batch, { tenant, total: 2, options });
    const one = await installation.submit({ image: 'r.example/one:1' }, batch);
    const two = await installation.submit({ image: 'r.example/two:1' }, batch);
    expect(installation.queued.size).toBe(0);
    await installation.batches.commit(batch);
    expect([...installation.queued.keys()]).toEqual(await installation.partsOf(one));
    for (const id of await installation.partsOf(one)) await installation.build(id);
    await installation.build(one);
    const [amd] = (await installation.partsOf(two)) as [string];
    expect(installation.queued.has(amd)).toBe(true);
    await installation.start(amd);
    await installation.fail(amd);
    expect(await installation.batches.get(batch)).toMatchObject({
      counts: { queued: 0, running: 0, succeeded: 1, failed: 1, canceled: 0 },
      finishedAt: expect.any(Number),
    });
  });
});

const step = fc.record({
  kind: fc.constantFrom(
    'admit',
    'start',
    'start',
    'succeed',
    'succeed',
    'fail',
    'retry',
    'replace',
    'die',
    'cancel',
  ),
  /** Number of a job, or of a part after the jobs. */
  job: fc.nat(8),
});
const submission = fc.record({
  image: fc.constantFrom('r.example/a:1', 'r.example/b:1'),
  skip_if_unchanged: fc.boolean(),
  force: fc.boolean(),
  inBatch: fc.boolean(),
});

describe('any interleaving of transitions of jobs in parts and of the parts', () => {
  it('ends each job once, joins only built parts, and leaves no keys behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(submission, { minLength: 1, maxLength: 3 }),
        fc.array(step, { maxLength: 50 }),
        async (submissions, steps) => {
          const installation = new Installation();
          const batch = newId('batch');
          const total = submissions.filter(({ inBatch }) => inBatch).length;
          const options = { on_failure: 'continue', max_running: 1, labels: {} } as const;
          if (total > 0) await installation.batches.open(batch, { tenant, total, options });
          for (const { inBatch, ...changes } of submissions) {
            await installation.submit(changes, inBatch ? batch : undefined);
          }
          if (total > 0) await installation.batches.commit(batch);
          const all = [
            ...installation.ids,
            ...(await Promise.all(installation.ids.map((id) => installation.partsOf(id)))).flat(),
          ];
          for (const { kind, job } of steps) {
            await perform(installation, all[job % all.length] as string, kind);
            await checkNow(installation);
          }
          // Then workers continue until all jobs have ended.
          for (let round = 0; round < 40; round++) for (const id of all) await goOn(installation, id);
          await checkEnd(installation, all);
          if (total > 0) {
            const record = await installation.batches.get(batch);
            expect(record).toMatchObject({
              finishedAt: expect.any(Number),
              counts: { queued: 0, running: 0 },
            });
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

async function perform(installation: Installation, id: string, kind: string): Promise<void> {
  const { store, tokens } = installation;
  if (!(await store.get(id))) return;
  const token = tokens.get(id) ?? 'none';
  const requeue = (spent: boolean, died: boolean) =>
    store.requeue(id, token, { code: 'builder_lost', detail: '', spent, delayMs: 0, died });
  if (kind === 'admit') await store.admit(id);
  else if (kind === 'start') await installation.start(id);
  else if (kind === 'succeed') await installation.succeed(id);
  else if (kind === 'fail') await installation.fail(id);
  else if (kind === 'retry') await requeue(true, false);
  else if (kind === 'replace') await requeue(false, false);
  else if (kind === 'die') await requeue(true, true);
  else await store.cancel(id);
}

async function goOn(installation: Installation, id: string): Promise<void> {
  const record = await installation.store.get(id);
  if (!record || isTerminal(record.state)) return;
  if (record.state === 'queued') await installation.start(id);
  else if (record.cancelRequested) {
    const canceled = { code: 'canceled' as const, detail: '', log_tail: [] };
    const token = installation.tokens.get(id) ?? 'none';
    await installation.store.finish(id, token, { state: 'canceled', error: canceled });
  } else await installation.succeed(id);
}

/** Checks the invariants that hold at any time. */
async function checkNow(installation: Installation): Promise<void> {
  for (const id of installation.ids) {
    const whole = await installation.get(id);
    const own = await Promise.all((whole.parts ?? []).map((part) => installation.store.get(part.id)));
    for (const [at, part] of (whole.parts ?? []).entries()) expect(part.state).toBe(own[at]?.state);
    if (whole.attempt > 0) expect(own.map((part) => part?.state)).toEqual(own.map(() => 'succeeded'));
    // A running part may fail before it receives the cancel of the whole job.
    if (own.some((part) => part?.state === 'failed')) expect(['failed', 'canceled']).toContain(whole.state);
    if (whole.state === 'failed' || whole.state === 'canceled') {
      // A running part receives a cancel request, and may return to the queue before it acts on it.
      for (const part of own) expect(part?.state === 'queued' && !part.cancelRequested).toBe(false);
    }
  }
}

async function checkEnd(installation: Installation, all: readonly string[]): Promise<void> {
  await checkNow(installation);
  const { keys, store } = installation;
  const events = parseEvents(await redis.xrange(keys.events, '-', '+')).flatMap((event) =>
    event.kind === 'job' ? event : [],
  );
  for (const id of all) {
    const record = await store.get(id);
    const ends = events.filter((event) => event.jobId === id && isTerminal(event.state));
    // Parts of a job that never began do not exist.
    expect(ends).toHaveLength(record ? 1 : 0);
    if (!record) continue;
    expect(isTerminal(record.state)).toBe(true);
    for (const pool of ['amd', 'arm']) {
      for (const state of ['queued', 'running']) {
        expect(await redis.zscore(keys.index(`pool:${pool}:${state}`), id)).toBeNull();
      }
    }
    if (record.state === 'succeeded') expect(record.result).toBeDefined();
    else expect(record.error).toBeDefined();
  }
  expect(await redis.keys(`${keys.base}image:running:*`)).toEqual([]);
  expect(await redis.keys(`${keys.base}flight:*`)).toEqual([]);
  expect(await redis.keys(`${keys.base}sharers:*`)).toEqual([]);
}
