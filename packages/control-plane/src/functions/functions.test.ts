import { randomUUID } from 'node:crypto';
import {
  type Base,
  functionViewSchema,
  type JobError,
  type JobSpec,
  jobSpecSchema,
} from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { JobStore } from '../jobs/index.js';
import { accountFaults } from '../stored/testing.js';
import { FunctionStore, toFunctionView } from './index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const name = 'openfaas-fn/hello';
const spec = (changes: object = {}): JobSpec =>
  jobSpecSchema.parse({
    image: 'r.example/hello:1',
    source: { digest: `sha256:${'a'.repeat(64)}` },
    function: name,
    ...changes,
  });
const one = { name: 'one', weight: 1 };
const result = { image: 'r.example/hello:1', digest: `sha256:${'b'.repeat(64)}`, duration_ms: 5 };

function stores() {
  const keys = redisKeys(`test-${randomUUID()}`);
  const jobs = new JobStore({ redis, keys });
  const submit = async (changes: object = {}, tenant = one) => {
    const id = newId('job');
    await jobs.create(id, spec(changes), { tenant });
    return id;
  };
  const begin = async (id: string) => {
    await jobs.start(id, { token: id, worker: 'w', replica: 'http://b', takesSuspects: true });
    return (baseImages?: readonly string[], bases?: readonly Base[]) =>
      jobs.finish(id, id, { state: 'succeeded', result, baseImages, bases });
  };
  return { jobs, submit, begin, keys, functions: new FunctionStore({ redis, keys }) };
}

describe('the record of a function', () => {
  it('holds the spec of the last job and the last success', async () => {
    const { submit, begin, functions, jobs } = stores();
    const callback = { url: 'https://ci.example/x' };
    const first = await submit({ callback });
    expect(await functions.get('one', name)).toMatchObject({ name, job: first, built: undefined });
    const finish = await begin(first);
    expect(await finish(['docker.io/library/node:22'])).toBe(true);
    const second = await submit({ image: 'r.example/hello:2', build_args: { A: '1' } });
    const { callback: _callback, ...plain } = spec();
    const known = await functions.get('one', name);
    expect(known).toMatchObject({
      job: second,
      spec: { ...plain, image: 'r.example/hello:2', build_args: { A: '1' } },
      built: { job: first, result, spec: plain, baseImages: ['docker.io/library/node:22'] },
    });
    expect(known?.built?.spec).not.toHaveProperty('callback');

    // A failure does not change the last success.
    await jobs.start(second, { token: second, worker: 'w', replica: 'http://b', takesSuspects: true });
    const error: JobError = { code: 'build_failed', detail: 'x', log_tail: [] };
    await jobs.finish(second, second, { state: 'failed', error });
    const failed = await functions.get('one', name);
    expect(failed?.built).toEqual(known?.built);
    expect(failed && functionViewSchema.parse(toFunctionView(failed))).toMatchObject({
      last_job: second,
      base_images: ['docker.io/library/node:22'],
      last_success: { job: first },
    });
  });

  it('keeps the base images when a build reports none, and clears them when a build has none', async () => {
    const { submit, begin, functions } = stores();
    await (await begin(await submit()))(['x/y:1']);
    await (await begin(await submit()))();
    expect((await functions.get('one', name))?.built?.baseImages).toEqual(['x/y:1']);
    await (await begin(await submit()))([]);
    expect((await functions.get('one', name))?.built?.baseImages).toEqual([]);
  });

  it('has the digests of the base images, which a tenant stores once', async () => {
    const { submit, begin, functions, jobs, keys } = stores();
    const bases = [
      { reference: 'x/y:1', digest: result.digest, platform_digest: `sha256:${'c'.repeat(64)}` },
    ];
    const first = await submit();
    const sharer = await submit({ function: 'dev/same' });
    await (await begin(first))(['x/y:1'], bases);
    const skipped = await submit({ function: 'dev/skipped', skip_if_unchanged: true });
    const plain = await submit({ function: 'dev/plain', image: 'r.example/plain:1' });
    await (await begin(plain))(['x/y:1']);
    for (const [job, each] of [
      [first, name],
      [sharer, 'dev/same'],
      [skipped, 'dev/skipped'],
    ] as const) {
      expect((await jobs.get(job))?.usedBases).toEqual(bases);
      const known = await functions.get('one', each);
      expect(known && toFunctionView(known)).toMatchObject({ base_images: ['x/y:1'], bases });
    }
    expect((await jobs.get(plain))?.usedBases).toBeUndefined();
    expect((await functions.get('one', 'dev/plain'))?.built?.bases).toEqual([{ reference: 'x/y:1' }]);
    expect(await redis.keys(`*${keys.base.slice(1, -2)}*shared:*`)).toHaveLength(1);
    expect(await accountFaults({ redis, keys })).toEqual([]);
  });

  it('gets its result from an identical job, running or ended', async () => {
    const { submit, begin, functions } = stores();
    const built = async (each: string) => (await functions.get('one', each))?.built;
    const first = await submit();
    const sharer = await submit({ function: 'dev/same' });
    await (await begin(first))(['x/y:1']);
    expect(await built(name)).toMatchObject({ job: first, result, baseImages: ['x/y:1'] });
    expect(await built('dev/same')).toMatchObject({
      job: sharer,
      result: { digest: result.digest, cached: true },
      spec: { function: 'dev/same' },
      baseImages: ['x/y:1'],
    });
    await functions.remove('one', name);
    const skipped = await submit({ skip_if_unchanged: true });
    expect(await built(name)).toMatchObject({
      job: skipped,
      result: { cached: true },
      baseImages: ['x/y:1'],
    });
  });

  it('keeps sealed secrets for the next build, and shows only their names', async () => {
    const { functions } = stores();
    const secrets = { key_id: 'k1', names: ['npm'], sealed: 'c2VhbGVk' };
    await functions.put('one', name, spec({ secrets }));
    const known = await functions.get('one', name);
    expect(known?.spec.secrets).toEqual(secrets);
    const view = known && functionViewSchema.parse(toFunctionView(known));
    expect(view?.spec.secrets).toEqual({ key_id: 'k1', names: ['npm'] });
    expect(JSON.stringify(known && toFunctionView(known))).not.toContain('c2VhbGVk');
  });

  it('can be written without a job', async () => {
    const { functions, submit } = stores();
    expect(await functions.put('one', name, spec({ callback: { url: 'https://x.example/' } }))).toBe(true);
    const put = await functions.get('one', name);
    expect(put).toMatchObject({ job: undefined, built: undefined });
    expect(put?.spec).toEqual(spec());
    const job = await submit();
    expect(await functions.put('one', name, spec({ image: 'r.example/other:1' }))).toBe(false);
    expect(await functions.get('one', name)).toMatchObject({ job, spec: { image: 'r.example/other:1' } });
  });

  it('stays removed, even when a build ends later', async () => {
    const { functions, submit, begin } = stores();
    const finish = await begin(await submit());
    expect(await functions.remove('two', name)).toBe(false);
    expect(await functions.remove('one', name)).toBe(true);
    expect(await functions.remove('one', name)).toBe(false);
    expect(await finish(['x/y:1'])).toBe(true);
    expect(await functions.get('one', name)).toBeUndefined();
    await submit();
    expect(await functions.get('one', name)).toMatchObject({ built: undefined });
  });
});

describe('the histories of functions', () => {
  it('hold the last jobs of each function, newest first, without jobs of other tenants', async () => {
    const { functions, jobs, submit, begin } = stores();
    const first = await submit({ force: true });
    await (await begin(first))();
    const failed = await submit({ force: true });
    await jobs.start(failed, { token: failed, worker: 'w', replica: 'http://b', takesSuspects: true });
    const error: JobError = { code: 'build_failed', detail: 'not "code":"oom"', log_tail: ['"code":"x"'] };
    await jobs.finish(failed, failed, { state: 'failed', error });
    for (let at = 0; at < 5; at++) await submit({ force: true }, { name: 'two', weight: 1 });
    const waiting = await submit({ function: 'dev/other' });
    const ended = { created_at: expect.any(String), job: first, state: 'succeeded', duration_ms: 5 };
    const [hello, none, other] = await functions.histories('one', [name, 'dev/none', 'dev/other'], 2);
    expect(hello).toEqual([
      { created_at: expect.any(String), job: failed, state: 'failed', code: 'build_failed' },
      { ...ended, digest: result.digest },
    ]);
    expect(none).toEqual([]);
    expect(other).toMatchObject([{ job: waiting, state: 'queued' }]);
    expect(await functions.histories('one', [name], 1)).toEqual([[hello?.[0]]]);
  });

  it('hold the error code of a job that never began', async () => {
    const { functions, jobs, submit } = stores();
    await jobs.cancel(await submit());
    expect(await functions.histories('one', [name], 20)).toMatchObject([[{ code: 'canceled' }]]);
  });
});

describe('a walk over functions', () => {
  const names = async (walk: ReturnType<FunctionStore['walk']>) => {
    const found: string[] = [];
    for await (const { records } of walk) found.push(...records.map((record) => record.name));
    return found;
  };

  it('goes by name through all chunks of a tenant and a namespace', async () => {
    const { functions, submit } = stores();
    const many = Array.from({ length: 450 }, (_, at) => `a/f-${String(at).padStart(3, '0')}`);
    await Promise.all(many.map((each) => functions.put('one', each, spec())));
    for (const each of ['a-b/x', 'a0/x', 'b/y']) await functions.put('one', each, spec());
    await submit({}, { name: 'two', weight: 1 });
    expect(await names(functions.walk('one'))).toEqual(['a-b/x', ...many, 'a0/x', 'b/y']);
    expect(await names(functions.walk('one', { namespace: 'a' }))).toEqual(many);
    const asked = await functions.getMany('one', ['b/y', 'b/none', ...many.toReversed()]);
    expect(asked.map((record) => record.name)).toEqual(['b/y', ...many.toReversed()]);
    expect(await names(functions.walk('one', { namespace: 'a', after: 'a/f-447' }))).toEqual([
      'a/f-448',
      'a/f-449',
    ]);
    expect(await names(functions.walk('one', { namespace: 'b', after: 'a/f-447' }))).toEqual(['b/y']);
    expect(await names(functions.walk('one', { after: 'a0/w' }))).toEqual(['a0/x', 'b/y']);
    expect(await names(functions.walk('two'))).toEqual([name]);
    expect(await names(functions.walk('three'))).toEqual([]);
  });
});
