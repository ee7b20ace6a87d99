import { randomUUID } from 'node:crypto';
import { isTerminal, jobSpecSchema, jobStates } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { parseEvents } from '../events/index.js';
import { BatchStore } from './batch-store.js';
import { cancelStopped } from './cancel-stopped.js';
import type { QueueChange } from './dispatch.js';
import { JobStore } from './job-store.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const tenant = { name: 'default', weight: 1 };
const result = { image: 'x', digest: `sha256:${'d'.repeat(64)}`, duration_ms: 1 };
const error = { code: 'build_failed' as const, detail: '', log_tail: [] };

const create = fc.record({
  kind: fc.constant('create' as const),
  /** Number of one of the three batches; 3 means no batch. */
  batch: fc.nat(3),
  image: fc.nat(2),
  source: fc.nat(1),
  reuse: fc.constantFrom('share', 'share', 'skip', 'force'),
});
const ofBatch = fc.record({
  kind: fc.constantFrom(
    'commit' as const,
    'commit' as const,
    'stop' as const,
    'giveUp' as const,
    'sweep' as const,
  ),
  batch: fc.nat(2),
});
const ofJob = fc.record({
  kind: fc.constantFrom(
    'admit' as const,
    'start' as const,
    'start' as const,
    'succeed' as const,
    'fail' as const,
    'retry' as const,
    'cancel' as const,
    'cancel' as const,
  ),
  job: fc.nat(9),
});
const step = fc.oneof(
  { weight: 3, arbitrary: create },
  { weight: 2, arbitrary: ofBatch },
  { weight: 6, arbitrary: ofJob },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const kinds = fc.tuple(
  ...[0, 1, 2].map(() =>
    fc.record({ max_running: fc.nat(2), on_failure: fc.constantFrom('continue' as const, 'stop' as const) }),
  ),
);

/** Stores with their own keys, the submitted jobs, and the jobs that were released to the queue. */
class World {
  readonly keys = redisKeys(`model-${randomUUID()}`);
  readonly released = new Set<string>();
  readonly jobs: string[] = [];
  readonly batches: string[] = [];
  readonly tokens = new Map<string, string>();
  readonly store: JobStore;
  readonly batchStore: BatchStore;

  constructor() {
    const apply = async ({ released }: QueueChange) => {
      for (const { id } of released) this.released.add(id);
    };
    this.store = new JobStore({ redis, keys: this.keys, dispatch: { apply } });
    this.batchStore = new BatchStore({ redis, keys: this.keys, dispatch: { apply } });
  }

  async open(options: readonly { max_running: number; on_failure: 'continue' | 'stop' }[]): Promise<void> {
    for (const { max_running, on_failure } of options) {
      const id = newId('batch');
      this.batches.push(id);
      const limit = max_running > 0 ? { max_running } : {};
      await this.batchStore.open(id, { tenant, total: 0, options: { on_failure, labels: {}, ...limit } });
    }
  }

  async perform(each: Step): Promise<void> {
    const { store, batchStore, tokens } = this;
    if (each.kind === 'create') return await this.#create(each);
    if ('batch' in each) {
      const id = this.batches[each.batch] as string;
      if (each.kind === 'commit') await this.commit(id);
      else if (each.kind === 'stop') await batchStore.stop(id);
      else if (each.kind === 'giveUp') await batchStore.giveUp(id);
      else await this.sweep(id);
      return;
    }
    const id = this.jobs[each.job];
    if (id === undefined) return;
    const token = tokens.get(id) ?? 'none';
    switch (each.kind) {
      case 'admit':
        await store.admit(id);
        break;
      case 'start':
        await this.start(id);
        break;
      case 'succeed':
        await store.finish(id, token, { state: 'succeeded', result });
        break;
      case 'fail':
        await store.finish(id, token, { state: 'failed', error });
        break;
      case 'retry':
        await store.requeue(id, token, { code: 'builder_lost', detail: '', spent: true, delayMs: 0 });
        break;
      case 'cancel':
        await store.cancel(id);
        break;
      default:
        each satisfies never;
    }
  }

  /** Begins a job as a worker does: only after it was in the queue. */
  async start(id: string): Promise<boolean> {
    if (!this.released.has(id) || (await this.store.admit(id)).outcome !== 'ready') return false;
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

  async commit(id: string): Promise<void> {
    const { keys, batchStore } = this;
    // The model does not know the total in advance, so it is set to the number of created jobs.
    if ((await redis.hexists(keys.batch(id), 'committed')) === 0) {
      await redis.hset(keys.batch(id), 'total', await redis.zcard(keys.index(`batch:${id}`)));
    }
    await batchStore.commit(id);
  }

  sweep(id: string): Promise<number> {
    const { store, batchStore: batches } = this;
    return cancelStopped({ id, batches, store });
  }

  async #create({ batch: at, image, source, reuse }: Step & { kind: 'create' }): Promise<void> {
    const batch = this.batches[at];
    const closed = batch !== undefined && (await redis.hexists(this.keys.batch(batch), 'committed')) === 1;
    const id = newId('job');
    const spec = jobSpecSchema.parse({
      image: `r.example/${image}:1`,
      source: { digest: `sha256:${String(source).repeat(64)}` },
      force: reuse === 'force',
      skip_if_unchanged: reuse === 'skip',
    });
    const creating = this.store.create(id, spec, { tenant, batch });
    if (closed) return await expect(creating).rejects.toMatchObject({ code: 'batch_closed' });
    await creating;
    this.jobs.push(id);
  }
}

async function check(world: World): Promise<void> {
  const { keys, jobs, batches, released } = world;
  const records = new Map<string, Record<string, string>>();
  for (const id of jobs) records.set(id, await redis.hgetall(keys.job(id)));
  for (const [id, { state, parked, shares }] of records) {
    const sharing = parked === 'shared';
    if (state === 'queued' && parked === undefined) {
      expect(released).toContain(id);
      // The model never calls `dispatched`: the reconciler sees a job until it begins.
      const begun = world.tokens.has(id);
      expect(begun || (await redis.zscore(keys.undispatched, id)) !== null).toBe(true);
    } else expect(await redis.zscore(keys.undispatched, id)).toBeNull();
    if (state !== 'queued') expect([parked, shares]).toEqual([undefined, undefined]);
    if (sharing) {
      const builder = records.get(shares as string);
      expect(isTerminal(builder?.state as 'queued')).toBe(false);
      expect(builder?.parked).not.toBe('shared');
      expect(await redis.sismember(`${keys.base}sharers:${shares}`, id)).toBe(1);
    }
  }
  const events = parseEvents(await redis.xrange(keys.events, '-', '+'));
  for (const id of batches) {
    const record = await world.batchStore.get(id);
    if (!record) throw new Error('a batch is gone');
    const own = [...records].filter(([, { batch }]) => batch === id);
    for (const state of jobStates) {
      expect(record.counts[state]).toBe(own.filter(([, each]) => each.state === state).length);
    }
    const ended = own.filter(([, { state }]) => isTerminal(state as 'queued')).length;
    const closed = record.committed || record.stopped !== undefined;
    expect(record.finishedAt !== undefined).toBe(closed && ended === own.length);
    const finished = events.filter((event) => event.kind === 'batch' && event.batchId === id);
    expect(finished).toHaveLength(record.finishedAt === undefined ? 0 : 1);
    const stopping = (await redis.zscore(keys.stoppingBatches, id)) !== null;
    expect(stopping).toBe(record.stopped !== undefined && record.finishedAt === undefined);
    const out = own.filter(([, { state, parked }]) => !isTerminal(state as 'queued') && parked === undefined);
    expect(Number((await redis.hget(keys.batch(id), 'outstanding')) ?? 0)).toBe(out.length);
    const most = record.maxRunning ?? Number.POSITIVE_INFINITY;
    expect(out.length).toBeLessThanOrEqual(record.committed ? most : 0);
    const waiting = own.filter(([, { parked }]) => parked === 'batch').map(([jobId]) => jobId);
    expect((await redis.zrange(`${keys.base}batch:parked:${id}`, '0', '-1')).toSorted()).toEqual(waiting);
    // A job waits for room only when there is none.
    if (record.committed && !record.stopped && waiting.length > 0) expect(out.length).toBe(most);
  }
}

/** Acts as leader and workers until all jobs have ended. */
async function finish(world: World): Promise<void> {
  for (const id of world.batches) {
    if (id === world.batches[0]) await world.batchStore.giveUp(id);
    else await world.commit(id);
  }
  for (let round = 0; round < 100; round++) {
    for (const id of world.batches) await world.sweep(id);
    for (const id of world.jobs) {
      await world.start(id);
      const token = world.tokens.get(id) ?? 'none';
      await world.store.finish(id, token, { state: 'succeeded', result });
    }
    const states = await Promise.all(world.jobs.map(async (id) => (await world.store.get(id))?.state));
    if (states.every((state) => state !== undefined && isTerminal(state))) return;
  }
  throw new Error('a job waits forever');
}

it('batches, shared and skipped builds stay consistent in any interleaving, and no job waits forever', async () => {
  await fc.assert(
    fc.asyncProperty(kinds, fc.array(step, { maxLength: 60, size: 'max' }), async (options, steps) => {
      const world = new World();
      await world.open(options);
      for (const each of steps) {
        await world.perform(each);
        await check(world);
      }
      await finish(world);
      await check(world);
      for (const id of world.batches) {
        expect((await world.batchStore.get(id))?.finishedAt).toBeDefined();
      }
    }),
    { numRuns: 40 },
  );
});
