import { randomUUID } from 'node:crypto';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { JobStore, listRegistries, type RegistrySign, registryOfImage } from './index.js';
import { RecordedQueue } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const source = { digest: `sha256:${'a'.repeat(64)}` };
const result = { image: 'x', duration_ms: 1 };
const error = { code: 'push_failed' as const, detail: '', log_tail: [] };

function installation() {
  const keys = redisKeys(`test-${randomUUID()}`);
  const dispatch = new RecordedQueue();
  const queue = dispatch.ids;
  const store = new JobStore({ redis, keys, dispatch });
  const hosts = new Map<string, string>();
  const create = async (image: string, changes: object = {}) => {
    const id = newId('job');
    hosts.set(id, registryOfImage(image));
    const spec = jobSpecSchema.parse({ image, source, force: true, ...changes });
    await store.create(id, spec, { tenant: { name: 'default', weight: 1 } });
    // The queue holds what returns to it.
    expect(queue.pop()).toBe(id);
    return id;
  };
  const start = async (id: string) => {
    const options = { token: id, worker: 'w', replica: 'http://b', takesSuspects: true };
    return (await store.start(id, options)).outcome;
  };
  const requeue = (id: string, outcome: RegistrySign['outcome'], host = hosts.get(id) ?? '') =>
    store.requeue(id, id, {
      code: 'push_failed',
      detail: '',
      spent: false,
      listed: true,
      delayMs: 0,
      registry: { outcome, host },
    });
  /** Runs an attempt that ends with a fault of the registry. */
  const fault = async (id: string, sign: RegistrySign['outcome'] = 'fault', host?: string) => {
    expect(await start(id)).toBe('started');
    expect(await requeue(id, sign, host)).toBe(true);
  };
  const succeed = (id: string) => store.finish(id, id, { state: 'succeeded', result });
  const registries = async () => {
    const [seconds, micros] = await redis.time();
    const now = Number(seconds) * 1_000 + Number(micros) / 1_000;
    return await listRegistries({ redis, keys, now });
  };
  /** Opens the circuit of a registry with three builds, and returns their jobs. */
  const open = async (registry: string) => {
    const ids = [];
    for (const name of ['a', 'b', 'c']) ids.push(await create(`${registry}/${name}:1`));
    for (const id of ids) expect(await start(id)).toBe('started');
    for (const id of ids) await requeue(id, 'fault');
    return ids;
  };
  /** Waits until a job is released as the probe. */
  const released = async () => {
    await expect
      .poll(async () => {
        await store.wakeRegistries();
        return queue.length;
      })
      .toBe(1);
    return queue.splice(0)[0] ?? '';
  };
  return { store, queue, create, start, requeue, fault, succeed, registries, open, released };
}

describe('the circuit of a registry', () => {
  it('opens after three faults: jobs that push to it wait, others continue, one probes, and all continue when it answers', async () => {
    const { store, queue, create, start, succeed, registries, open, released } = installation();
    const waiting = await open('R.example');
    waiting.push(await create('r.example/d:1'));
    for (const id of waiting) expect((await store.admit(id)).outcome).toBe('missing');
    expect((await store.admit(await create('other.example/a:1'))).outcome).toBe('ready');
    expect((await store.admit(await create('r.example/e:1', { push: false }))).outcome).toBe('ready');
    expect(await registries()).toMatchObject([{ registry: 'r.example', waiting: 4, faults: 3 }]);
    const probe = await released();
    expect(probe).toBe(waiting[0]);
    expect(await start(probe)).toBe('started');
    await store.wakeRegistries();
    expect(queue).toEqual([]);
    // While the probe runs, no other job starts.
    expect((await store.admit(await create('r.example/f:1'))).outcome).toBe('missing');
    expect(await succeed(probe)).toBe(true);
    expect(queue.slice(0, 3)).toEqual(waiting.slice(1));
    expect(queue).toHaveLength(4);
    await store.wakeRegistries();
    expect(await registries()).toEqual([]);
    expect((await store.admit(waiting[1] ?? '')).outcome).toBe('ready');
  });

  it('opens again when the probe fails, for longer', async () => {
    const { store, start, requeue, registries, open, released } = installation();
    const waiting = await open('r.example');
    for (const id of waiting) await store.admit(id);
    const probe = await released();
    expect(await start(probe)).toBe('started');
    await requeue(probe, 'fault');
    expect(await registries()).toMatchObject([{ circuit: 'open', waiting: 2, faults: 4 }]);
    expect((await store.admit(probe)).outcome).toBe('missing');
  });

  it('has another probe when the first has no outcome for the registry', async () => {
    const { store, start, open, released } = installation();
    for (const id of await open('r.example')) await store.admit(id);
    const probe = await released();
    expect(await start(probe)).toBe('started');
    await store.finish(probe, probe, { state: 'failed', error });
    const next = await released();
    expect(next).not.toBe(probe);
    expect(await start(next)).toBe('started');
  });

  it('is not opened by a single repository, by refusals, or by faults with an answer between them', async () => {
    const { store, create, fault, registries } = installation();
    const [one, two] = [await create('r.example/a:1'), await create('r.example/b:1')];
    for (let time = 0; time < 5; time++) await fault(one);
    await fault(one, 'answered');
    for (let time = 0; time < 5; time++) {
      await fault(one);
      await fault(two);
      await fault(time % 2 === 0 ? one : two, 'answered');
    }
    expect(await registries()).toEqual([]);
    expect((await store.admit(one)).outcome).toBe('ready');
  });

  it('keeps no trace of a job that is canceled while it waits', async () => {
    const { store, registries, open } = installation();
    const waiting = await open('r.example');
    for (const id of waiting) {
      await store.admit(id);
      expect(await store.cancel(id)).toBe('canceled');
    }
    expect(await registries()).toMatchObject([{ waiting: 0 }]);
  });

  it('delays jobs that push a tag to it until it answers', async () => {
    const { store, create, start, succeed, registries, open, released } = installation();
    const waiting = await open('r.example');
    const tagged = await create('o.example/a:1', { tags: ['o.example/a:2', 'r.example/z:1'] });
    for (const id of [...waiting, tagged]) expect((await store.admit(id)).outcome).toBe('missing');
    expect((await store.admit(await create('o.example/b:1', { tags: ['o.example/b:2'] }))).outcome).toBe(
      'ready',
    );
    expect(await registries()).toMatchObject([{ registry: 'r.example', waiting: 4 }]);
    const probe = await released();
    expect(await start(probe)).toBe('started');
    expect(await succeed(probe)).toBe(true);
    expect((await store.admit(tagged)).outcome).toBe('ready');
  });

  it('belongs to the registry with the fault, and a build that pushes to several registries probes all of them', async () => {
    const { create, start, requeue, succeed, registries, store, queue } = installation();
    const ids = [];
    for (const name of ['a', 'b', 'c']) {
      ids.push(await create(`o.example/${name}:1`, { tags: [`r.example/${name}:1`, `s.example/${name}:1`] }));
    }
    for (const id of ids) expect(await start(id)).toBe('started');
    for (const id of ids) await requeue(id, 'fault', 'r.example');
    expect(await registries()).toMatchObject([{ registry: 'r.example', faults: 3 }]);
    expect((await store.admit(await create('o.example/d:1'))).outcome).toBe('ready');
    expect((await store.admit(await create('s.example/d:1'))).outcome).toBe('ready');
    for (const id of ids) expect((await store.admit(id)).outcome).toBe('missing');
    const next = async () => {
      await store.wakeRegistries();
      return queue.length;
    };
    await expect.poll(next).toBe(1);
    const probe = queue.splice(0)[0] ?? '';
    expect(await start(probe)).toBe('started');
    expect(await succeed(probe)).toBe(true);
    expect(queue).toHaveLength(2);
  });

  it('keeps no trace of a job with tags that is canceled while it waits', async () => {
    const { store, create, registries, open } = installation();
    await open('r.example');
    await open('s.example');
    const id = await create('o.example/a:1', { tags: ['s.example/a:1', 'r.example/a:1'] });
    expect((await store.admit(id)).outcome).toBe('missing');
    expect(await store.cancel(id)).toBe('canceled');
    expect(await registries()).toMatchObject([{ waiting: 0 }, { waiting: 0 }]);
  });
});

it.each([
  ['r.example/a/b:1', 'r.example'],
  ['R.Example:5000/a', 'r.example:5000'],
  ['localhost/a', 'localhost'],
  ['[::1]:5000/a', '[::1]:5000'],
  ['team/a:1', 'docker.io'],
  ['alpine', 'docker.io'],
  ['index.docker.io/library/alpine', 'docker.io'],
])('%s is an image of %s, by the script too', async (image, host) => {
  expect(registryOfImage(image)).toBe(host);
  const { create, fault, registries } = installation();
  const other = await create(image.replace(/:1$/, '').concat('-x'));
  const job = await create(image);
  for (const id of [job, other, job]) await fault(id);
  expect(await registries()).toMatchObject([{ registry: host }]);
});
