import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

const admin = 'token';
let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());

const image = 'r.example/team/app:1';
const options = {
  ...{ dockerfile: 'Dockerfile', target: 'release', tags: ['r.example/team/app:latest'] },
  ...{ image_labels: { a: 'b' }, annotations: { c: 'd' }, no_cache: true, pull: true },
};

/** Creates a tenant that may push to `r.example/team/`, with a token and a source. */
async function team() {
  const name = `team-${randomUUID()}`;
  await fleet.say('PUT', `/v1/tenants/${name}`, { images: ['r.example/team/'] }, admin);
  const scopes = ['jobs:read', 'jobs:write'];
  const made = await fleet.say('POST', '/v1/tokens', { tenant: name, description: 'CI', scopes }, admin);
  const token: string = made.body.token;
  return { name, token, source: { digest: await fleet.upload(undefined, token) } };
}

/** Sends a job with its source in one request. */
async function form(token: string, job: object) {
  const parts = new FormData();
  parts.append('job', new Blob([JSON.stringify(job)], { type: 'application/json' }));
  const files = archive([{ path: 'Dockerfile', text: `FROM scratch\nLABEL a=${randomUUID()}\n` }]);
  parts.append('source', new Blob([files], { type: 'application/x-tar' }));
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${fleet.api.url}/v1/jobs`, { method: 'POST', body: parts, headers });
  return { status: answer.status, body: (await answer.json()) as Parameters<typeof problem>[0]['body'] };
}

const problem = ({
  status,
  body,
}: {
  status: number;
  body: { code: string; errors: { path: string }[] };
}) => [status, body.code, body.errors[0]?.path];

describe('the tags of a job', () => {
  it.each([
    [
      'that the tenant may not push to',
      ['r.example/team/app:2', 'r.example/other:1'],
      403,
      'image_not_allowed',
      1,
    ],
    ['that are its image', ['r.example/team/app:2', image], 422, 'image_invalid', 1],
    ['that are no images', ['r.example/team/APP:2'], 422, 'image_invalid', 0],
    ['with a digest', [`r.example/team/app@sha256:${'a'.repeat(64)}`], 422, 'image_invalid', 0],
  ])('%s are refused in every kind of request', async (_what, tags, status, code, at) => {
    const { token, source } = await team();
    const say = (method: string, path: string, body: unknown) => fleet.say(method, path, body, token);
    const refused = [status, code, `/tags/${at}`];
    expect(problem(await say('POST', '/v1/jobs', { image, source, tags }))).toEqual(refused);
    expect(problem(await form(token, { image, tags }))).toEqual(refused);
    expect(problem(await say('PUT', '/v1/functions/dev/fn', { image, source, tags }))).toEqual(refused);
    const inBatch = [422, 'batch_invalid', `/items/0/tags/${at}`];
    for (const body of [
      { items: [{ image, source, tags }] },
      { defaults: { tags }, items: [{ image, source }] },
      { dry_run: true, items: [{ image, source, tags }] },
    ]) {
      expect(problem(await say('POST', '/v1/batches', body))).toEqual(inBatch);
    }
    expect((await say('PUT', '/v1/functions/dev/fn', { image, source })).status).toBe(201);
    const [answered, said] = problem(
      await say('POST', '/v1/rebuilds', { select: { namespace: 'dev' }, tags }),
    );
    expect([answered, said]).toEqual([
      422,
      expect.stringMatching(/^(image_invalid|batch_invalid|request_invalid)$/),
    ]);
  });

  it('are refused again after the tenant lost the permission to push there', async () => {
    const { name, token, source } = await team();
    const job = { image, source, tags: ['r.example/team/b:1'] };
    const { body } = await fleet.say('POST', '/v1/jobs', job, token);
    await fleet.say('PUT', `/v1/tenants/${name}`, { images: ['r.example/team/app'] }, admin);
    await fleet.say('POST', `/v1/jobs/${body.id}/cancel`, undefined, token);
    const retry = await fleet.say('POST', `/v1/jobs/${body.id}/retry`, undefined, token);
    expect(problem(retry)).toEqual([403, 'image_not_allowed', '/tags/0']);
  });
});

describe('the build options of a job', () => {
  it('are in its record, in its function, in its repeats and in items with the defaults of their batch', async () => {
    const { token, source } = await team();
    const say = (method: string, path: string, body?: unknown) => fleet.say(method, path, body, token);
    const job = { image, source, function: 'dev/one', ...options };
    const made = await say('POST', '/v1/jobs', job);
    expect(made.body).toMatchObject(options);
    expect((await say('GET', '/v1/functions/dev/one')).body.spec).toMatchObject(options);
    await say('POST', `/v1/jobs/${made.body.id}/cancel`);
    expect((await say('POST', `/v1/jobs/${made.body.id}/retry`)).body).toMatchObject(options);
    const batch = await say('POST', '/v1/batches', {
      defaults: { ...options, source, tags: undefined },
      items: [
        { image: 'r.example/team/two:1', image_labels: { e: 'f' }, annotations: { c: 'g' }, pull: false },
      ],
    });
    expect(batch.status).toBe(202);
    const { jobs } = (await say('GET', `/v1/batches/${batch.body.id}/jobs`)).body;
    const { tags: _tags, ...others } = options;
    expect(jobs[0]).toMatchObject({
      ...others,
      ...{ image_labels: { a: 'b', e: 'f' }, annotations: { c: 'g' }, pull: false },
    });
  });

  it('stay when the function is rebuilt, except for the options of the rebuild', async () => {
    const { token, source } = await team();
    const say = (method: string, path: string, body?: unknown) => fleet.say(method, path, body, token);
    await say('PUT', '/v1/functions/dev/one', { image, source, ...options });
    await say('PUT', '/v1/functions/dev/two', { image: 'r.example/team/two:1', source });
    const rebuilt = async (changes: object) => {
      const { body } = await say('POST', '/v1/rebuilds', { select: { namespace: 'dev' }, ...changes });
      const { jobs } = (await say('GET', `/v1/batches/${body.batch.id}/jobs`)).body;
      const of = (name: string) => jobs.find((each: { function: string }) => each.function === `dev/${name}`);
      return [of('one'), of('two')];
    };
    const [one, two] = await rebuilt({});
    expect(one).toMatchObject(options);
    for (const name of Object.keys(options)) expect(two).not.toHaveProperty(name);
    const changed = await rebuilt({
      ...{ target: 'debug', no_cache: false, image_labels: { a: 'c' }, annotations: { e: 'f' } },
      tags: ['{registry}/{repository}:{version}', '{registry}/{repository}:edge'],
      values: { version: '2' },
    });
    expect(changed[0]).toMatchObject({
      ...options,
      ...{ target: 'debug', no_cache: false, image_labels: { a: 'c' }, annotations: { c: 'd', e: 'f' } },
      tags: ['r.example/team/app:2', 'r.example/team/app:edge'],
    });
    expect(changed[1]).toMatchObject({
      target: 'debug',
      tags: ['r.example/team/two:2', 'r.example/team/two:edge'],
    });
    // A former tag is the image itself.
    expect((await rebuilt({ image: '{registry}/{repository}:edge' }))[0].tags).toEqual([
      'r.example/team/app:2',
    ]);
  });

  it.each([
    [{ tags: ['r.example/team/x:1'] }, '/tags/0'],
    [{ tags: ['r.example/team/{nme}:1'] }, '/tags/0'],
    [{ dockerfile: '../Dockerfile' }, '/dockerfile'],
  ])('of a rebuild are checked: %j', async (changes, path) => {
    const { token, source } = await team();
    for (const name of ['one', 'two'])
      await fleet.say(
        'PUT',
        `/v1/functions/dev/${name}`,
        { image: `r.example/team/${name}:1`, source },
        token,
      );
    const answer = await fleet.say(
      'POST',
      '/v1/rebuilds',
      { select: { namespace: 'dev' }, ...changes },
      token,
    );
    expect(problem(answer)).toEqual([422, 'request_invalid', path]);
  });
});
