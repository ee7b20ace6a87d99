import { redisKeys } from '@slipway/shared/redis';
import { SourceUses } from '@slipway/source';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const template = { Dockerfile: 'FROM node\n', 'template.yml': '' };
const node22 = 'docker.io/library/node:22-alpine';

const rebuild = (body: object, token?: string) => fleet.say('POST', '/v1/rebuilds', body, token);
const plan = async (body: object, token?: string) => {
  const answer = await rebuild({ ...body, dry_run: true }, token);
  expect([answer.status, answer.body.detail]).toEqual([200, undefined]);
  expect(answer.body).not.toHaveProperty('batch');
  return answer.body;
};
interface Built {
  readonly function: string;
  readonly image: string;
}
const accepted = async (body: object): Promise<readonly (Built & Record<string, unknown>)[]> => {
  const answer = await rebuild(body);
  expect([answer.status, answer.body.detail]).toEqual([202, undefined]);
  const path = `/v1/batches/${answer.body.batch.id}`;
  expect(answer.headers.get('location')).toBe(path);
  const { jobs } = (await fleet.say('GET', `${path}/jobs?limit=200`)).body;
  return jobs.toSorted((a: Built, b: Built) => (a.function < b.function ? -1 : 1));
};
const built = async (name: string, changes: object, ...base: string[]) => {
  const job = await fleet.submit({ function: name, image: `ghcr.io/team/${name}:1`, ...changes });
  await fleet.succeed(job.id, base);
  return job;
};
const callbackSecret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
/** Removes a source, as the collection of unused ones does. */
const remove = async (digest: string) => {
  const uses = new SourceUses({ redis: fleet.redis, keys: redisKeys(fleet.api.prefix) });
  const { since } = await uses.idle(-1, 0);
  expect(await uses.condemn(since, [digest])).toEqual([digest]);
};

describe('a plan', () => {
  beforeEach(async () => {
    await fleet.send('PUT', '/v1/templates/node20', template);
    await built('dev/api-users', { labels: { team: 'core' } }, node22);
    await built('dev/web', { template: 'node20', labels: { team: 'web' } }, 'docker.io/library/node:20');
    await built('prod/api-orders', { template: 'node20', labels: { team: 'core' } }, node22, 'ghcr.io/x/y:1');
    // A function of another tenant, equal to ours.
    const job = await fleet.submit({ function: 'dev/api-users', labels: { team: 'core' } }, fleet.other);
    await fleet.succeed(job.id, [node22]);
  });

  it.each([
    [{ base_image: 'node:22-alpine' }, ['dev/api-users', 'prod/api-orders'], ['base image node:22-alpine']],
    [
      { base_image: 'docker.io/library/node:22-alpine' },
      ['dev/api-users', 'prod/api-orders'],
      ['base image node:22-alpine'],
    ],
    [{ base_image: 'node:20' }, ['dev/web'], ['base image node:20']],
    [{ template: 'node20' }, ['dev/web', 'prod/api-orders'], ['template node20']],
    [{ labels: { team: 'core' } }, ['dev/api-users', 'prod/api-orders'], ['label team=core']],
    [{ name: 'api-*' }, ['dev/api-users', 'prod/api-orders'], ['name matches api-*']],
    [{ namespace: 'prod' }, ['prod/api-orders'], ['namespace prod']],
    [{ functions: ['dev/web'] }, ['dev/web'], ['named']],
    [
      { namespace: 'dev', base_image: 'node', labels: { team: 'web' } },
      ['dev/web'],
      ['namespace dev', 'label team=web', 'base image node:20'],
    ],
  ])('by %j lists functions and reasons', async (select, functions, reasons) => {
    expect(await plan({ select })).toEqual({
      functions: functions.map((name) => ({ function: name, image: `ghcr.io/team/${name}:1`, reasons })),
      left_out: [],
    });
    expect((await fleet.say('GET', '/v1/batches')).body.batches).toEqual([]);
  });

  it.each([
    [{ base_image: 'nod' }],
    [{ base_image: 'node:22' }],
    [{ base_image: 'ghcr.io/library/node' }],
    [{ template: 'node' }],
    [{ name: 'api' }],
    [{ labels: { team: 'core', more: '1' } }],
    [{ namespace: 'dev', base_image: 'ghcr.io/x/y' }],
    [{ functions: ['dev/none'] }],
  ])('by %j matches nothing, and reports it', async (select) => {
    const { status, body } = await rebuild({ select });
    expect([status, body.code]).toEqual([422, 'nothing_selected']);
  });

  it('never contains records of another tenant', async () => {
    const { functions } = await plan({ select: { base_image: 'node' } }, fleet.other);
    expect(functions.map((each: Built) => each.function)).toEqual(['dev/api-users']);
    const { body } = await rebuild({ select: { functions: ['prod/api-orders'] } }, fleet.other);
    expect(body.code).toBe('nothing_selected');
    expect(body.errors[0].message).toContain('prod/api-orders');
  });

  it('reports explicit names that do not exist', async () => {
    const { functions, left_out } = await plan({ select: { functions: ['dev/web', 'dev/none', 'dev/web'] } });
    expect(functions).toHaveLength(1);
    expect(left_out).toMatchObject([{ function: 'dev/none', code: 'not_found' }]);
  });

  it.each([
    [{ select: {} }, 'request_invalid', '/select'],
    [{ select: { base_image: 'Not An Image' } }, 'request_invalid', '/select/base_image'],
    [{ select: { namespace: 'dev' }, image: '{registry}/x:{vers}' }, 'request_invalid', '/image'],
    [{ select: { namespace: 'dev' }, image: '{name}' }, 'none', ''],
    [
      { select: { namespace: 'dev' }, image: '{registry}/{repository}:{v}', values: { v: 'a b' } },
      'image_invalid',
      '/image',
    ],
    [{ select: { namespace: 'dev' }, image: 'r.example/all:1' }, 'request_invalid', '/image'],
    [{ select: { namespace: 'dev' }, build_args: { '1': 'x' } }, 'request_invalid', '/build_args/1'],
  ])('is checked: %j', async (body, code, path) => {
    const answer = await rebuild({ ...body, dry_run: true });
    if (code === 'none') expect(answer.status).toBe(200);
    else expect([answer.status, answer.body.code, answer.body.errors[0].path]).toEqual([422, code, path]);
  });
});

describe('a rebuild', () => {
  it('repeats the spec of each with the changes, as a batch of low priority', async () => {
    const source = { digest: await fleet.upload({ Dockerfile: 'FROM node\n', own: 'x' }) };
    const callback = { url: 'https://ci.example/hook', secret: callbackSecret };
    const spec = { source, build_args: { A: '1', B: '1' }, platforms: ['linux/arm64'], timeout: 60 };
    await built(
      'dev/api',
      { ...spec, labels: { team: 'core' }, priority: 'high', force: true, callback },
      node22,
    );
    const [job, ...more] = await accepted({
      select: { base_image: 'node' },
      image: '{registry}/{repository}:{version}',
      values: { version: '2' },
      build_args: { B: '2', C: '2' },
      labels: { why: 'cve' },
      max_running: 3,
    });
    expect(more).toEqual([]);
    expect(job).toMatchObject({
      function: 'dev/api',
      image: 'ghcr.io/team/dev/api:2',
      source,
      build_args: { A: '1', B: '2', C: '2' },
      platforms: ['linux/arm64'],
      timeout: 60,
      labels: { team: 'core', why: 'cve' },
      priority: 'low',
      force: false,
      skip_if_unchanged: false,
    });
    expect(job).not.toHaveProperty('callback');
    const batch = (await fleet.say('GET', `/v1/batches/${job?.batch}`)).body;
    expect(batch).toMatchObject({
      total: 1,
      max_running: 3,
      labels: { why: 'cve', rebuild: 'base_image:node' },
    });
    // The submitted spec becomes the known spec.
    const known = (await fleet.say('GET', '/v1/functions/dev/api')).body;
    expect(known.spec).toMatchObject({ image: 'ghcr.io/team/dev/api:2', build_args: { B: '2' } });
    expect(known.last_success.result).toBeDefined();
  });

  it('takes the newest version of a template, or the same', async () => {
    const first = (await fleet.send('PUT', '/v1/templates/node20', template)).body;
    await built('dev/api', { template: 'node20' });
    const second = (await fleet.send('PUT', '/v1/templates/node20', { ...template, more: 'x' })).body;
    const select = { template: 'node20' };
    const [same] = await accepted({ select, template: 'same' });
    expect(same).toMatchObject({ template: { name: 'node20', digest: first.digest } });
    const [current] = await accepted({ select });
    expect(current).toMatchObject({ template: { name: 'node20', digest: second.digest } });
  });

  it('reports functions that cannot be built any more, and builds the rest', async () => {
    await fleet.send('PUT', '/v1/templates/gone', template);
    const digest = await fleet.upload({ Dockerfile: 'FROM x\n', once: fleet.mine });
    await built('dev/a', { source: { digest } });
    await built('dev/b', { template: 'gone' });
    await built('dev/c', {});
    await remove(digest);
    await fleet.say('DELETE', '/v1/templates/gone');
    const { status, body } = await rebuild({ select: { namespace: 'dev' } });
    expect(status).toBe(202);
    expect(body.batch.total).toBe(1);
    expect(body.functions.map((each: Built) => each.function)).toEqual(['dev/c']);
    expect(body.left_out).toMatchObject([
      { function: 'dev/a', code: 'source_not_found', reason: expect.stringContaining(digest) },
      { function: 'dev/b', code: 'template_not_found', reason: expect.stringContaining('gone') },
    ]);
    // The files are still stored for another tenant.
    const same = await plan({ select: { functions: ['dev/b'] }, template: 'same' });
    expect(same.functions).toHaveLength(1);
    const none = await rebuild({ select: { functions: ['dev/a'] } });
    expect([none.status, none.body.code]).toEqual([422, 'nothing_selected']);
    expect(none.body.errors[0].message).toContain('dev/a');
  });

  it('includes a function that was defined without a build', async () => {
    const source = { digest: await fleet.upload() };
    await fleet.say('PUT', '/v1/functions/dev/said', { image: 'r.example/said:1', source });
    const [job] = await accepted({ select: { name: 's*d' } });
    expect(job).toMatchObject({ function: 'dev/said', image: 'r.example/said:1' });
  });

  it('handles hundreds of functions', async () => {
    const source = { digest: await fleet.upload() };
    const names = Array.from({ length: 450 }, (_, at) => `dev/f-${String(at).padStart(3, '0')}`);
    await Promise.all(
      names.map((name) =>
        fleet.say('PUT', `/v1/functions/${name}`, { image: `r.example/${name}:1`, source }),
      ),
    );
    const { body } = await rebuild({ select: { name: 'f-*' } });
    expect(body.batch.total).toBe(450);
    expect(body.functions.map((each: Built) => each.function)).toEqual(names);
  });
});
