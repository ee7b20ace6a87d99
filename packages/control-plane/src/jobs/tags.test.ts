import { randomUUID } from 'node:crypto';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { accountFaults } from '../stored/testing.js';
import { JobStore } from './index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const source = { digest: `sha256:${'a'.repeat(64)}` };
const tenant = { name: 'default', weight: 1 };

function installation() {
  const keys = redisKeys(`test-${randomUUID()}`);
  const store = new JobStore({ redis, keys });
  const create = async (image: string, tags: readonly string[] = [], changes: object = {}) => {
    const id = newId('job');
    const spec = jobSpecSchema.parse({ image, source, tags, force: true, ...changes });
    await store.create(id, spec, { tenant });
    return id;
  };
  const start = async (id: string) =>
    (await store.start(id, { token: id, worker: 'w', replica: 'http://b', takesSuspects: true })).outcome;
  const succeed = (id: string) =>
    store.finish(id, id, { state: 'succeeded', result: { image: 'x', duration_ms: 1 } });
  const build = async (id: string) => {
    expect(await start(id)).toBe('started');
    expect(await succeed(id)).toBe(true);
  };
  const end = async (id: string) => {
    const record = await store.get(id);
    return record?.error?.code ?? record?.state;
  };
  const locks = () => redis.keys(`${keys.base}image:running:*`);
  return { keys, store, create, start, succeed, build, end, locks };
}

type Push = readonly [image: string, ...tags: string[]];
const pairs: [string, Push, Push][] = [
  ['a tag', ['r.example/x:1', 'r.example/x:latest'], ['r.example/x:2', 'r.example/x:latest']],
  ['the image of one that is a tag of the other', ['r.example/x:1'], ['r.example/x:2', 'r.example/x:1']],
  ['a tag of another repository', ['r.example/x:1', 'o.example/y:1'], ['r.example/z:1', 'o.example/y:1']],
  ['a tag that one leaves out', ['r.example/x:1', 'r.example/x'], ['r.example/x:latest']],
  ['an image of Docker Hub in two spellings', ['hello:1'], ['r.example/x:1', 'docker.io/library/hello:1']],
  ['an image in two spellings', ['r.example/x'], ['r.example/x:latest']],
];

describe.each(pairs)('jobs that share %s', (_what, first, second) => {
  const [image, ...tags] = first;
  const [otherImage, ...otherTags] = second;

  it('run one at a time', async () => {
    const { store, create, start, succeed, locks } = installation();
    const [one, two] = [await create(image, tags), await create(otherImage, otherTags)];
    expect(await start(one)).toBe('started');
    expect(await store.admit(two)).toEqual({ outcome: 'wait' });
    expect(await start(two)).toBe('wait');
    expect(await succeed(one)).toBe(true);
    expect(await locks()).toEqual([]);
    expect(await start(two)).toBe('started');
    await store.requeue(two, two, { code: 'push_failed', detail: '', spent: true, delayMs: 0 });
    expect(await locks()).toEqual([]);
  });

  it('never push after a newer job has pushed, in both orders', async () => {
    for (const [older, newer] of [
      [first, second],
      [second, first],
    ] as const) {
      const { store, create, build, end, locks } = installation();
      const [old, young] = [await create(older[0], older.slice(1)), await create(newer[0], newer.slice(1))];
      await build(young);
      expect(await store.admit(old)).toEqual({ outcome: 'terminal' });
      expect(await end(old)).toBe('superseded');
      expect((await store.get(old))?.error?.detail).toContain(`The newer job ${young} has pushed to `);
      expect(await locks()).toEqual([]);
    }
  });
});

it('a job does not begin when a newer job pushes between admit and start', async () => {
  const { store, create, start, build, end } = installation();
  const old = await create('r.example/x:1', ['r.example/x:latest']);
  expect(await store.admit(old)).toMatchObject({ outcome: 'ready' });
  await build(await create('r.example/x:2', ['r.example/x:latest']));
  expect(await start(old)).toBe('terminal');
  expect(await end(old)).toBe('superseded');
});

it('jobs that share no reference, or do not push, run concurrently', async () => {
  const { create, start } = installation();
  const tags = ['r.example/x:latest'];
  const ids = [
    await create('r.example/x:1', tags),
    await create('r.example/x:2', ['r.example/x:other']),
    await create('r.example/x:3', tags, { push: false }),
    await create('r.example/x:4', tags, { push: false }),
  ];
  for (const id of ids) expect(await start(id)).toBe('started');
});

describe('an unchanged image with tags', () => {
  const skip = { force: false, skip_if_unchanged: true };
  const image = 'r.example/x:1';
  const tags = ['r.example/x:latest'];

  it('is skipped while its tags still point to it', async () => {
    const { keys, create, build, end } = installation();
    await build(await create(image, tags, skip));
    for (let time = 0; time < 3; time++) expect(await end(await create(image, tags, skip))).toBe('succeeded');
    expect(await accountFaults({ redis, keys })).toEqual([]);
  });

  it('is built again when another job has pushed to one of its tags, or pushes now', async () => {
    const { create, start, build, succeed, end } = installation();
    await build(await create(image, tags, skip));
    const other = await create('r.example/y:1', tags);
    expect(await start(other)).toBe('started');
    expect(await end(await create(image, tags, skip))).toBe('queued');
    const third = installation();
    await third.build(await third.create(image, tags, skip));
    await third.build(await third.create('r.example/x:latest'));
    expect(await third.end(await third.create(image, tags, skip))).toBe('queued');
    await succeed(other);
  });

  it('supersedes older waiting jobs for its tags', async () => {
    const { store, create, build, end } = installation();
    await build(await create(image, tags, skip));
    const waiting = await create('r.example/y:1', tags);
    expect(await end(await create(image, tags, skip))).toBe('succeeded');
    expect(await store.admit(waiting)).toEqual({ outcome: 'terminal' });
    expect(await end(waiting)).toBe('superseded');
  });
});

describe('jobs that share a build', () => {
  const share = { force: false };
  const shared: Push = ['r.example/x:1', 'r.example/x:latest'];
  const all = async () => {
    const made = installation();
    const { create } = made;
    const first = await create(shared[0], shared.slice(1), share);
    const between = await create('r.example/x:2', shared.slice(1), share);
    const last = await create(shared[0], shared.slice(1), share);
    return { ...made, first, between, last };
  };

  it('supersede a job that is older than the newest of them', async () => {
    const { store, build, end, first, between, last } = await all();
    await build(first);
    expect(await end(last)).toBe('succeeded');
    expect(await store.admit(between)).toEqual({ outcome: 'terminal' });
    expect(await end(between)).toBe('superseded');
  });

  it('are built for the newest of them when the first is superseded', async () => {
    const { store, build, end, first, between, last } = await all();
    await build(between);
    expect(await store.admit(first)).toEqual({ outcome: 'terminal' });
    expect([await end(first), await end(last)]).toEqual(['superseded', 'queued']);
    await build(last);
  });
});

it('a record of an older version has only an image', async () => {
  const { keys, store, create, start, succeed, locks } = installation();
  const old = await create('r.example/x:1', ['r.example/x:latest']);
  await redis.hdel(keys.job(old), 'references');
  const other = await create('r.example/x:2', ['r.example/x:latest']);
  for (const id of [old, other]) expect(await start(id)).toBe('started');
  for (const id of [old, other]) expect(await succeed(id)).toBe(true);
  expect(await locks()).toEqual([]);
  expect((await store.get(old))?.state).toBe('succeeded');
});

it('a job in parts holds its tags while it joins, and its parts have their own tags', async () => {
  const { store, build, start, locks, create } = installation();
  const id = newId('job');
  const parts = [
    { pool: 'one', platforms: ['linux/amd64'] },
    { pool: 'two', platforms: ['linux/arm64'] },
  ];
  const spec = jobSpecSchema.parse({
    ...{ image: 'r.example/x:1', source, tags: ['r.example/x:latest', 'o.example/x:1'], force: true },
    platforms: ['linux/amd64', 'linux/arm64'],
  });
  await store.create(id, spec, { tenant, pool: 'one', parts });
  const own = (await store.get(id))?.parts ?? [];
  for (const part of own) expect(await start(part.id)).toBe('started');
  expect((await locks()).map((key) => key.split('image:running:')[1]).toSorted()).toEqual([
    ...['o.example/x:1-one', 'o.example/x:1-two', 'r.example/x:1-one', 'r.example/x:1-two'],
  ]);
  const other = await create('r.example/y:1', ['r.example/x:latest']);
  for (const part of own) {
    await store.finish(part.id, part.id, { state: 'succeeded', result: { image: 'x', duration_ms: 1 } });
  }
  expect(await start(id)).toBe('started');
  expect(await store.admit(other)).toEqual({ outcome: 'wait' });
  await store.finish(id, id, { state: 'succeeded', result: { image: 'x', duration_ms: 1 } });
  await build(other);
});

it('jobs are found by the repositories of their tags, until they are removed', async () => {
  const { keys, store, create, build } = installation();
  const id = await create('r.example/x:1', ['r.example/x:latest', 'o.example/y:1']);
  const found = async (image: string) =>
    (await store.list({ tenant: 'default', image, limit: 5 })).records.map((record) => record.id);
  for (const image of ['r.example/x', 'o.example/y', 'o.example/y:2'])
    expect(await found(image)).toEqual([id]);
  await build(id);
  const record = await store.get(id);
  if (!record) throw new Error('no record');
  expect(await store.remove(record, Date.now() + 3_600_000)).toBe(true);
  expect(await redis.keys(`${keys.base}index:*`)).toEqual([]);
});

it('in any interleaving, no reference returns to an older job, and no two builds push to one reference at once', async () => {
  const references = ['r.example/a:1', 'r.example/a:2', 'r.example/b:1', 'r.example/a:latest'];
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('create' as const),
      push: fc.subarray(references, { minLength: 1 }),
      reuse: fc.nat(2),
    }),
    fc.record({
      kind: fc.constantFrom('start' as const, 'admit' as const, 'finish' as const, 'cancel' as const),
      at: fc.nat(5),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const { store, create, start, succeed, end } = installation();
      const jobs: { id: string; push: readonly string[] }[] = [];
      const running = new Set<string>();
      const pushed = new Map<string, string>();
      for (const each of steps) {
        if (each.kind === 'create') {
          const [image = '', ...tags] = each.push;
          const reuses = [{ force: true }, { force: false }, { force: false, skip_if_unchanged: true }];
          const id = await create(image, tags, reuses[each.reuse]);
          jobs.push({ id, push: each.push });
          continue;
        }
        const job = jobs[each.at % Math.max(1, jobs.length)];
        if (!job) continue;
        if (each.kind === 'admit') await store.admit(job.id);
        if (each.kind === 'cancel' && !running.has(job.id)) await store.cancel(job.id);
        if (each.kind === 'start' && !running.has(job.id) && (await end(job.id)) === 'queued') {
          if ((await store.admit(job.id)).outcome === 'ready' && (await start(job.id)) === 'started') {
            for (const other of running) {
              const shared = jobs
                .find(({ id }) => id === other)
                ?.push.some((reference) => job.push.includes(reference));
              expect(shared).toBe(false);
            }
            running.add(job.id);
          }
        }
        if (each.kind === 'finish' && running.delete(job.id) && (await succeed(job.id))) {
          for (const reference of job.push) {
            expect((pushed.get(reference) ?? '') < job.id).toBe(true);
            pushed.set(reference, job.id);
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});
