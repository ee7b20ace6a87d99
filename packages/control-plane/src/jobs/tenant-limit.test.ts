import { randomUUID } from 'node:crypto';
import { jobSpecSchema, tenantSettingsSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { TenantStore } from '../tenants/index.js';
import { JobStore } from './index.js';
import { emptyQueues, RecordedQueue } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const source = { digest: `sha256:${'a'.repeat(64)}` };
const result = { image: 'x', duration_ms: 1 };

/** Creates a tenant with a limit of running jobs. Returns its stores and its queue. */
async function limited(runningJobs: number) {
  const keys = redisKeys(`test-${randomUUID()}`);
  const dispatch = new RecordedQueue();
  const queue = dispatch.ids;
  const store = new JobStore({ redis, keys, dispatch });
  const tenants = new TenantStore({ redis, keys });
  const settings = (running_jobs?: number) =>
    tenantSettingsSchema.parse({ images: ['*'], limits: { running_jobs } });
  const limit = (running_jobs: number | undefined) => tenants.put('team', settings(running_jobs));
  const usage = () => tenants.usage({ name: 'team', settings: settings() });
  await limit(runningJobs);
  const create = async (tenant = 'team') => {
    const id = newId('job');
    const spec = jobSpecSchema.parse({ image: `r.example/${id.slice(4)}:1`, source, force: true });
    await store.create(id, spec, { tenant: { name: tenant, weight: 1 } });
    return id;
  };
  const start = async (id: string) => {
    const token = randomUUID();
    const options = { token, worker: 'w', replica: 'http://b', takesSuspects: true };
    return { token, outcome: (await store.start(id, options)).outcome };
  };
  const running = async () => (await usage()).runningJobs;
  return { keys, store, usage, tenants, queue, limit, create, start, running };
}

describe('a tenant with a limit of running jobs', () => {
  it('has further jobs wait until one ends, in the order of the queue', async () => {
    const { keys, store, usage, queue, create, start } = await limited(2);
    const [first, second, third, fourth] = [await create(), await create(), await create(), await create()];
    const held = await start(first);
    expect([held.outcome, (await start(second)).outcome]).toEqual(['started', 'started']);
    expect((await store.admit(third)).outcome).toBe('missing');
    expect((await start(fourth)).outcome).toBe('missing');
    expect(await usage()).toMatchObject({ queuedJobs: 2, runningJobs: 2 });
    queue.length = 0;
    await store.finish(first, held.token, { state: 'succeeded', result });
    expect(queue).toEqual([third]);
    expect((await start(third)).outcome).toBe('started');
    expect(await emptyQueues({ redis, keys, logger }).dispatch.restore([fourth])).toEqual([]);
  });

  it('does not delay other tenants', async () => {
    const { create, start } = await limited(1);
    await start(await create());
    expect((await start(await create('other'))).outcome).toBe('started');
  });

  it('continues when a released job is canceled before it begins', async () => {
    const { store, queue, create, start } = await limited(1);
    const [first, second, third] = [await create(), await create(), await create()];
    const { token } = await start(first);
    for (const id of [second, third]) await store.admit(id);
    queue.length = 0;
    await store.finish(first, token, { state: 'succeeded', result });
    await store.cancel(second);
    expect(queue).toEqual([second, third]);
  });

  it('continues when its limit is raised or removed', async () => {
    const { store, queue, limit, create, start } = await limited(1);
    const ids = [await create(), await create(), await create(), await create()];
    await start(ids[0] as string);
    for (const id of ids.slice(1)) await store.admit(id);
    queue.length = 0;
    await store.wakeTenants();
    expect(queue).toEqual([]);
    await limit(2);
    await store.wakeTenants();
    expect(queue).toEqual([ids[1]]);
    await limit(undefined);
    await store.wakeTenants();
    expect(queue).toEqual(ids.slice(1));
  });

  it('lets a waiting job be canceled', async () => {
    const { store, create, start, usage } = await limited(1);
    await start(await create());
    const waiting = await create();
    await store.admit(waiting);
    expect(await store.cancel(waiting)).toBe('canceled');
    expect((await store.get(waiting))?.state).toBe('canceled');
    expect(await usage()).toMatchObject({ queuedJobs: 0, runningJobs: 1 });
  });

  it('never exceeds its limit, and leaves no job waiting without a reason, in any interleaving', async () => {
    const step = fc.record({
      kind: fc.constantFrom('admit', 'start', 'finish', 'requeue', 'cancel'),
      job: fc.nat(5),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, most) => {
          const { store, queue, create, start, running, keys } = await limited(most);
          const ids = await Promise.all(Array.from({ length: 6 }, () => create()));
          const tokens = new Map<string, string>();
          for (const { kind, job } of steps) {
            const id = ids[job] as string;
            if (kind === 'admit') await store.admit(id);
            else if (kind === 'start' && (await store.get(id))?.state === 'queued') {
              const { token, outcome } = await start(id);
              if (outcome === 'started') tokens.set(id, token);
            } else if (kind === 'finish') {
              await store.finish(id, tokens.get(id) ?? '', { state: 'succeeded', result });
            } else if (kind === 'requeue') {
              const why = { code: 'builder_lost' as const, detail: '', spent: false, delayMs: 0 };
              if (await store.requeue(id, tokens.get(id) ?? '', why)) queue.push(id);
            } else if (kind === 'cancel') await store.cancel(id);
            expect(await running()).toBeLessThanOrEqual(most);
          }
          // The remaining jobs must end through releases to the queue alone.
          for (const [id, token] of tokens) await store.finish(id, token, { state: 'succeeded', result });
          for (let turn = 0; turn < 50 && queue.length > 0; turn++) {
            const id = queue.shift() as string;
            if ((await store.get(id))?.state !== 'queued') continue;
            const { token, outcome } = await start(id);
            if (outcome === 'started') await store.finish(id, token, { state: 'succeeded', result });
          }
          expect(await redis.zcard(keys.index('state:queued'))).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });
});
