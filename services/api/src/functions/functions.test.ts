import { redisKeys } from '@slipway/shared/redis';
import { SourceUses } from '@slipway/source';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { builtDigest, type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const get = (path: string, token?: string) => fleet.say('GET', path, undefined, token);
const names = async (query = '', token?: string): Promise<string[]> => {
  const { status, body } = await get(`/v1/functions${query}`, token);
  expect([status, body.detail]).toEqual([200, undefined]);
  return body.functions.map(({ name }: { name: string }) => name);
};

const callbackSecret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;

describe('a function', () => {
  it('has the spec of its last job, its last build, and the results of its last jobs', async () => {
    const callback = { url: 'https://ci.example/hook', secret: callbackSecret };
    const first = await fleet.submit({ function: 'hello', build_args: { A: '1' }, callback });
    await fleet.succeed(first.id, ['docker.io/library/node:22-alpine']);
    const second = await fleet.submit({ function: 'hello', build_args: { A: '2' } });
    await fleet.fail(second.id);
    const { status, body } = await get('/v1/functions/openfaas-fn/hello');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'openfaas-fn/hello',
      spec: { image: second.image, build_args: { A: '2' } },
      last_job: second.id,
      base_images: ['docker.io/library/node:22-alpine'],
      last_success: { job: first.id, result: { digest: builtDigest } },
      history: [
        { job: second.id, state: 'failed', code: 'build_failed' },
        { job: first.id, state: 'succeeded', digest: builtDigest, duration_ms: 5 },
      ],
    });
    expect(JSON.stringify(body)).not.toContain('ci.example');
  });

  it('has a history of twenty jobs at most, without jobs of other functions', async () => {
    for (let at = 0; at < 22; at++) await fleet.submit({ function: 'hello' });
    const other = await fleet.submit({ function: 'hello' }, fleet.other);
    const { body } = await get('/v1/functions/openfaas-fn/hello');
    expect(body.history).toHaveLength(20);
    expect(body.history.map(({ job }: { job: string }) => job)).not.toContain(other.id);
  });

  it('can be defined without a build', async () => {
    const source = { digest: await fleet.upload() };
    const path = '/v1/functions/dev/hello';
    const spec = { image: 'r.example/hello:1', source, labels: { team: 'core' } };
    const put = await fleet.say('PUT', path, spec);
    expect([put.status, put.headers.get('location')]).toEqual([201, path]);
    expect(put.body).toMatchObject({
      name: 'dev/hello',
      base_images: [],
      spec: { labels: { team: 'core' } },
    });
    expect(put.body).not.toHaveProperty('last_job');
    expect((await fleet.say('PUT', path, { ...spec, function: 'dev/hello' })).status).toBe(200);
    expect((await get(path)).body.history).toEqual([]);
    expect((await get('/v1/jobs')).body.jobs).toEqual([]);
  });

  it.each([
    ['another name', { function: 'dev/other' }, 'request_invalid', '/function'],
    ['a callback', { callback: { url: 'https://x.example/' } }, 'request_invalid', '/callback'],
    [
      'no such source',
      { source: { digest: `sha256:${'0'.repeat(64)}` } },
      'source_not_found',
      '/source/digest',
    ],
    ['no such template', { template: 'none' }, 'template_not_found', '/template'],
    ['no image', { image: 'A B' }, 'image_invalid', '/image'],
  ])('cannot be defined with %s', async (_what, changes, code, path) => {
    const source = { digest: await fleet.upload() };
    const spec = { image: 'r.example/hello:1', source, ...changes };
    const { status, body } = await fleet.say('PUT', '/v1/functions/dev/hello', spec);
    expect([status, body.code, body.errors[0].path]).toEqual([422, code, path]);
    expect((await get('/v1/functions/dev/hello')).status).toBe(404);
  });

  it('cannot be defined with a source that is about to be removed', async () => {
    const digest = await fleet.upload({ Dockerfile: 'FROM x\n', mine: fleet.mine });
    const uses = new SourceUses({ redis: fleet.redis, keys: redisKeys(fleet.api.prefix) });
    await expect.poll(async () => uses.condemn(String(Date.now()), [digest])).toEqual([digest]);
    const spec = { image: 'r.example/hello:1', source: { digest } };
    const { status, body } = await fleet.say('PUT', '/v1/functions/dev/hello', spec);
    expect([status, body.code]).toEqual([422, 'source_not_found']);
    expect((await get('/v1/functions/dev/hello')).status).toBe(404);
  });

  it('is forgotten on request, once', async () => {
    await fleet.submit({ function: 'hello' });
    const remove = () => fleet.say('DELETE', '/v1/functions/openfaas-fn/hello');
    expect((await remove()).status).toBe(204);
    expect((await remove()).body.code).toBe('not_found');
    expect((await get('/v1/functions/openfaas-fn/hello')).status).toBe(404);
    expect(await names()).toEqual([]);
  });

  it('does not exist for another tenant', async () => {
    await fleet.submit({ function: 'hello' });
    const path = '/v1/functions/openfaas-fn/hello';
    expect((await get(path, fleet.other)).status).toBe(404);
    expect((await fleet.say('DELETE', path, undefined, fleet.other)).status).toBe(404);
    expect(await names('', fleet.other)).toEqual([]);
    await fleet.submit({ function: 'hello', build_args: { MINE: '1' } }, fleet.other);
    expect((await get(path)).body.spec.build_args).toEqual({});
  });

  it('has a valid name', async () => {
    expect((await get('/v1/functions/UPPER/x')).body.code).toBe('request_invalid');
    const patch = await fleet.say('PATCH', '/v1/functions/dev/x');
    expect([patch.status, patch.headers.get('allow')]).toEqual([405, 'DELETE, GET, HEAD, PUT']);
  });
});

describe('functions', () => {
  beforeEach(async () => {
    await fleet.send('PUT', '/v1/templates/node20', { Dockerfile: 'FROM node\n', 'template.yml': '' });
    const core = { labels: { team: 'core' } };
    for (const [name, changes, base] of [
      ['dev/api-users', core, 'docker.io/library/node:22-alpine'],
      ['dev/web', { template: 'node20' }, 'docker.io/library/node:20'],
      ['prod/api-orders', { ...core, template: 'node20' }, 'ghcr.io/team/base:1'],
    ] as const) {
      await fleet.succeed((await fleet.submit({ function: name, ...changes })).id, [base]);
    }
  });

  it.each([
    ['', ['dev/api-users', 'dev/web', 'prod/api-orders']],
    ['?namespace=dev', ['dev/api-users', 'dev/web']],
    ['?namespace=de', []],
    ['?name=api-*', ['dev/api-users', 'prod/api-orders']],
    ['?name=api', []],
    ['?label=team=core', ['dev/api-users', 'prod/api-orders']],
    ['?label=team=cor', []],
    ['?template=node20', ['dev/web', 'prod/api-orders']],
    ['?base_image=node', ['dev/api-users', 'dev/web']],
    ['?base_image=docker.io/library/node:22-alpine', ['dev/api-users']],
    ['?base_image=ghcr.io/team/base', ['prod/api-orders']],
    ['?template=node20&label=team=core&name=*s', ['prod/api-orders']],
  ])('are filtered by %j', async (query, found) => {
    expect(await names(query)).toEqual(found);
  });

  it('include the results of their last jobs on request', async () => {
    const last = await fleet.submit({ function: 'dev/web', build_args: { A: '1' } });
    await fleet.fail(last.id);
    await fleet.submit({ function: 'dev/web', build_args: { A: '2' } }, fleet.other);
    const { body } = await get('/v1/functions?namespace=dev&history=1');
    expect(body.functions).toMatchObject([
      { name: 'dev/api-users', history: [{ state: 'succeeded', duration_ms: 5 }] },
      { name: 'dev/web', history: [{ job: last.id, state: 'failed', code: 'build_failed' }] },
    ]);
    const { body: alone } = await get('/v1/functions/dev/web');
    expect((await get('/v1/functions?name=web&history=20')).body.functions).toEqual([alone]);
    expect(alone.history).toHaveLength(2);
    expect((await get('/v1/functions')).body.functions[0]).not.toHaveProperty('history');
  });

  it.each(['0', '21', 'all'])('include no history of %s', async (history) => {
    const { status, body } = await get(`/v1/functions?history=${history}`);
    expect([status, body.code]).toEqual([422, 'request_invalid']);
  });

  it('come in pages', async () => {
    const { body } = await get('/v1/functions?limit=2&base_image=node');
    expect(body.next_cursor).toBeUndefined();
    const first = await get('/v1/functions?limit=1&label=team=core');
    expect(first.body.functions).toHaveLength(1);
    const cursor = encodeURIComponent(first.body.next_cursor);
    expect(await names(`?limit=1&label=team=core&cursor=${cursor}`)).toEqual(['prod/api-orders']);
  });
});
