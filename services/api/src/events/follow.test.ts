import { randomUUID } from 'node:crypto';
import { publishLate } from '@slipway/control-plane/events';
import { BatchStore, JobStore } from '@slipway/control-plane/jobs';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { JobWatcher } from '../watch/job-watcher.js';
import { liveEvents } from './follow.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const connect = (name: string) =>
  connectRedis({ url: inject('redisUrl'), name, logger, cleanups, mode: 'patient' });
let redis: Redis;
beforeAll(() => {
  redis = connect('test');
});
afterAll(() => cleanups.run(logger));

interface ViewerOptions {
  readonly tenant: string;
  readonly after?: string;
  readonly idleAfterMs?: number;
}

/** A process with viewers, which counts the records that it reads. */
function installation() {
  const keys = redisKeys(randomUUID());
  const connection = randomUUID();
  const store = new JobStore({ redis, keys });
  const watcher = new JobWatcher({ subscriber: connect(connection), keys, logger });
  const read: string[] = [];
  const counting = {
    get(id: string) {
      read.push(id);
      return store.get(id);
    },
  };
  const deps = {
    ...{ redis, keys, watcher, store: counting, now: Date.now, described: new WeakMap() },
    batches: new BatchStore({ redis, keys }),
  };
  /** Opens a view. `seen` has the fields of all events so far. Without `reads`, nothing is taken from it. */
  const view = ({ tenant, after, idleAfterMs }: ViewerOptions, reads = true) => {
    const leaving = new AbortController();
    const seen: { event: string; id: string | undefined; job: string | undefined }[] = [];
    const events = liveEvents({
      ...{ ...deps, tenant, after, seesBuilders: false, signal: leaving.signal },
      ...(idleAfterMs !== undefined && { idleAfterMs }),
    });
    const take = async () => {
      for await (const text of events) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1];
        const { id: job } = JSON.parse(field('data') ?? '{}') as { id?: string };
        seen.push({ event: field('event') ?? '', id: field('id'), job });
      }
    };
    let reading = reads ? take() : Promise.resolve();
    onTestFinished(async () => {
      leaving.abort();
      await reading;
    });
    const jobs = () => seen.flatMap(({ job }) => job ?? []);
    return {
      seen,
      jobs,
      read() {
        reading = take();
      },
      async leave() {
        leaving.abort();
        await reading;
      },
      /** Resolves once the first part has come and the subscription stands. */
      async open() {
        await expect.poll(() => seen[0]?.event).toBe('ready');
        await watcher.settled();
      },
    };
  };
  /** Creates jobs of a tenant, and returns their ids. */
  const create = async (tenant: string, count: number) => {
    const ids = Array.from({ length: count }, () => newId('job'));
    for (const [at, id] of ids.entries()) {
      const image = `r.example/${tenant}/${randomUUID()}-${at}:1`;
      const spec = jobSpecSchema.parse({
        image,
        source: { digest: `sha256:${'a'.repeat(64)}` },
        force: true,
      });
      await store.create(id, spec, { tenant: { name: tenant, weight: 1 } });
    }
    return ids;
  };
  const channels = async () => (await redis.pubsub('CHANNELS', `${keys.base}live:*`)) as string[];
  return { keys, store, connection, read, view, create, channels, watcher };
}

describe('the events of a tenant', () => {
  test('cost nothing for jobs of others, and one read for all viewers of the tenant', async () => {
    const { keys, read, view, create, channels } = installation();
    expect(await channels()).toEqual([]);
    const views = Array.from({ length: 5 }, () => view({ tenant: 'a' }));
    await Promise.all(views.map((each) => each.open()));
    expect(await channels()).toEqual([keys.tenantChannel('a')]);
    const [first = ''] = await create('a', 1);
    await create('b', 50);
    const [last = ''] = await create('a', 1);
    for (const each of views) await expect.poll(() => each.jobs()).toEqual([first, last]);
    expect(new Set(read)).toEqual(new Set([first, last]));
    expect(read.length).toBeLessThanOrEqual(4);
    await Promise.all(views.map((each) => each.leave()));
    await expect.poll(channels).toEqual([]);
  });

  test('resume without a read of the records of others', async () => {
    const { read, view, create } = installation();
    const [first = ''] = await create('a', 1);
    await create('b', 20);
    const [last = ''] = await create('a', 1);
    const viewer = view({ tenant: 'a', after: '0-1' });
    await expect.poll(() => viewer.jobs()).toEqual([first, last]);
    expect(new Set(read)).toEqual(new Set([first, last]));
  });

  test('are neither lost nor doubled while the connection breaks again and again', async () => {
    const { connection, view, create } = installation();
    const viewer = view({ tenant: 'a' });
    await viewer.open();
    const created: string[] = [];
    for (let round = 0; round < 10; round++) {
      const clients = (await redis.client('LIST')) as string;
      const [, clientId] = new RegExp(`id=(\\d+) .*name=${connection} `).exec(clients) ?? [];
      // It may be opening again.
      const killing = clientId === undefined ? undefined : redis.client('KILL', 'ID', clientId);
      created.push(...(await create('a', 20)));
      await killing;
    }
    await expect.poll(() => viewer.jobs().length).toBeGreaterThanOrEqual(200);
    expect(viewer.jobs()).toEqual(created);
  });

  test('all reach a slow reader, in order', async () => {
    const { view, create } = installation();
    const viewer = view({ tenant: 'a', after: '0-1' }, false);
    const early = await create('a', 30);
    viewer.read();
    await expect.poll(() => viewer.jobs()).toEqual(early);
    const late = await create('a', 1_100);
    await expect.poll(() => viewer.jobs().length, { timeout: 20_000 }).toBe(1_130);
    expect(viewer.jobs()).toEqual([...early, ...late]);
  });

  test('have a position that moves on while others work, so that a client resumes without their events', async () => {
    const { keys, view, create } = installation();
    const viewer = view({ tenant: 'a', idleAfterMs: 50 });
    await viewer.open();
    await create('b', 5);
    const [[newest] = []] = await redis.xrevrange(keys.events, '+', '-', 'COUNT', 1);
    await expect
      .poll(() => viewer.seen.some(({ event, id }) => event === 'idle' && id === newest))
      .toBe(true);
  });

  test('include events of a process of an earlier version, without a position to resume after', async () => {
    const { keys, view, create } = installation();
    const [job = ''] = await create('a', 1);
    const viewer = view({ tenant: 'a' });
    await viewer.open();
    const fields = ['type', 'job.canceled', 'job', job, 'state', 'canceled', 'version', '2', 'at', '1000'];
    const [next = ''] = await create('a', 1);
    await expect.poll(() => viewer.jobs()).toEqual([next]);
    await publishLate(['1-1', fields], { redis, keys });
    await expect.poll(() => viewer.jobs()).toEqual([next, job]);
    expect(viewer.seen.at(-1)).toEqual({ event: 'job', id: undefined, job });
  });
});

describe('a watch', () => {
  test('wakes at a change of its job, at the end of a batch, and at nothing of others', async () => {
    const { keys, store, watcher, create, channels } = installation();
    const [job = '', other = ''] = await create('a', 2);
    const { signal } = new AbortController();
    const watch = watcher.watch(job);
    // The first call resolves because the subscription stands.
    await watcher.settled();
    await watch.end(60_000, signal);
    const woken: string[] = [];
    const changed = watch.end(60_000, signal).then(() => woken.push('end'));
    await store.cancel(other);
    await watcher.settled();
    expect(woken).toEqual([]);
    await store.cancel(job);
    await changed;
    expect(await channels()).toEqual([keys.recordChannel(job)]);
    watch.close();
    await expect.poll(channels).toEqual([]);
  });
});
