import { redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const files = {
  Dockerfile: 'FROM node\n',
  'template.yml': 'handler_folder: src\nbuild_options: [{name: dev, packages: [make]}]\n',
};
const newer = { ...files, 'index.js': 'new' };
const put = (name = 'node20', changes: Readonly<Record<string, string>> = files, token?: string) =>
  fleet.send('PUT', `/v1/templates/${name}`, changes, token);
const get = (path: string, token?: string) => fleet.say('GET', path, undefined, token);

describe('a template', () => {
  it('is new, the same, or another version', async () => {
    const first = await put();
    expect([first.status, first.headers.get('location')]).toEqual([201, '/v1/templates/node20']);
    expect(first.body).toMatchObject({
      name: 'node20',
      version: 1,
      digest: await fleet.upload(files),
      handler_folder: 'src',
      build_options: [{ name: 'dev', packages: ['make'] }],
    });
    const same = await put();
    expect([same.status, same.body]).toEqual([200, first.body]);
    const other = await put('node20', newer);
    expect([other.status, other.body.version]).toEqual([200, 2]);
    expect((await get('/v1/templates/node20')).body).toEqual(other.body);
  });

  it.each([
    ['no template', { 'a.txt': 'x' }, 'template_invalid'],
    ['a bad template.yml', { ...files, 'template.yml': '{' }, 'template_invalid'],
    ['a path that leaves', { ...files, '../x': '' }, 'source_path_unsafe'],
  ])('is refused when the archive holds %s', async (_what, changes, code) => {
    const { status, body } = await put('node20', changes);
    expect([status, body.code]).toEqual([422, code]);
    expect((await get('/v1/templates/node20')).status).toBe(404);
  });

  it('has a valid name, and methods', async () => {
    expect((await put('Node')).body.code).toBe('request_invalid');
    const patch = await fleet.say('PATCH', '/v1/templates/node20');
    expect([patch.status, patch.headers.get('allow')]).toEqual([405, 'DELETE, GET, HEAD, PUT']);
  });

  it('is removed on request, and jobs that have it keep it', async () => {
    await put();
    const job = await fleet.submit({ template: 'node20' });
    const remove = () => fleet.say('DELETE', '/v1/templates/node20');
    expect((await remove()).status).toBe(204);
    expect((await remove()).body.code).toBe('not_found');
    expect((await get(`/v1/jobs/${job.id}`)).body.template).toEqual(job.template);
  });

  it('is refused when the tenant has 1,000, unless its name is one of them', async () => {
    await put();
    const { tenant } = (await get('/v1/me')).body;
    const { templates } = redisKeys(fleet.api.prefix);
    await fleet.redis.zadd(
      templates(tenant.name),
      ...Array.from({ length: 999 }, (_, at) => [0, `t${at}`]).flat(),
    );
    const refused = await put('one-more');
    expect([refused.status, refused.body.code]).toEqual([409, 'template_limit']);
    expect((await get('/v1/templates/one-more')).status).toBe(404);
    expect((await put('node20', newer)).status).toBe(200);
    expect((await put('one-more', files, fleet.other)).status).toBe(201);
  });

  it('does not exist for another tenant', async () => {
    await put();
    await put('other20', newer, fleet.other);
    expect((await get('/v1/templates/node20', fleet.other)).status).toBe(404);
    expect((await fleet.say('DELETE', '/v1/templates/node20', undefined, fleet.other)).status).toBe(404);
    const source = { digest: await fleet.upload(undefined, fleet.other) };
    const job = { image: 'r.example/x:1', source, template: 'node20' };
    const { status, body } = await fleet.say('POST', '/v1/jobs', job, fleet.other);
    expect([status, body.code, body.errors]).toMatchObject([
      422,
      'template_not_found',
      [{ path: '/template' }],
    ]);
    const { body: list } = await get('/v1/templates', fleet.other);
    expect(list.templates.map(({ name }: { name: string }) => name)).toEqual(['other20']);
  });

  it('is listed in pages with others', async () => {
    for (const name of ['b', 'a', 'c']) await put(name);
    const first = (await get('/v1/templates?limit=2')).body;
    const second = (await get(`/v1/templates?limit=2&cursor=${first.next_cursor}`)).body;
    const all = [...first.templates, ...second.templates].map(({ name }: { name: string }) => name);
    expect([all, second.next_cursor]).toEqual([['a', 'b', 'c'], undefined]);
  });
});

describe('a job with a template', () => {
  it('has the version of its submission', async () => {
    const { digest } = (await put()).body;
    const job = await fleet.submit({ template: 'node20' });
    expect(job.template).toEqual({ name: 'node20', digest, handler_folder: 'src' });
    await put('node20', newer);
    expect((await get(`/v1/jobs/${job.id}`)).body.template.digest).toBe(digest);
  });
});

describe('a new version with ?rebuild=true', () => {
  const rebuild = (changes: Readonly<Record<string, string>>) => put('node20?rebuild=true', changes);

  it('rebuilds functions on another version, at low priority, and no others', async () => {
    expect((await rebuild(files)).body).not.toHaveProperty('batch');
    await put('python', files);
    await fleet.submit({ function: 'one', template: 'node20', priority: 'high' });
    await fleet.submit({ function: 'two', template: 'node20' });
    await fleet.submit({ function: 'not', template: 'python' });
    await fleet.submit({ function: 'nor' });
    await put('node20', files, fleet.other);
    await fleet.submit({ function: 'never', template: 'node20' }, fleet.other);
    const { status, body } = await rebuild(newer);
    expect([status, body.version]).toEqual([200, 2]);
    const { jobs } = (await get(`/v1/batches/${body.batch}/jobs`)).body;
    expect(jobs.map((job: { function: string }) => job.function).toSorted()).toEqual([
      'openfaas-fn/one',
      'openfaas-fn/two',
    ]);
    for (const job of jobs) expect(job).toMatchObject({ priority: 'low', template: { digest: body.digest } });
    expect((await get(`/v1/batches/${body.batch}`)).body.labels.rebuild).toContain('template:node20');
  });

  it('rebuilds once, and later if the first request did not ask for it', async () => {
    await put();
    await fleet.submit({ function: 'one', template: 'node20' });
    expect((await put('node20', newer)).body).not.toHaveProperty('batch');
    expect((await rebuild(newer)).body.batch).toMatch(/^batch_/);
    expect((await rebuild(newer)).body).not.toHaveProperty('batch');
  });
});
