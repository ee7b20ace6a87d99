import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const pinned = 'py@1.0.0';
const files = { Dockerfile: 'FROM python\n', 'template.yml': 'handler_folder: src\n' };
const newer = { ...files, 'index.py': 'new' };
const put = (name: string, changes: Readonly<Record<string, string>>, query = '') =>
  fleet.send('PUT', `/v1/templates/${encodeURIComponent(name)}${query}`, changes);
const layer = async (name = pinned) => ({
  name,
  digest: await fleet.upload(files),
  handler_folder: 'function',
});
const rebuild = (select: object) => fleet.say('POST', '/v1/rebuilds', { select });

describe('a function whose job brought its template', () => {
  it('is laid over it, and found by its name', async () => {
    const laid_over = await layer();
    const job = await fleet.submit({ function: 'one', laid_over });
    expect(job.template).toEqual({ ...laid_over, uploaded: true });
    await fleet.submit({ function: 'two', laid_over: await layer('other') });
    const found = (await rebuild({ template: pinned })).body;
    expect(found.functions).toMatchObject([{ function: 'openfaas-fn/one' }]);
    const { jobs } = (await fleet.say('GET', `/v1/batches/${found.batch.id}/jobs`)).body;
    expect(jobs).toMatchObject([{ template: { ...laid_over, uploaded: true } }]);
  });

  it('is rebuilt over a newer template of that name', async () => {
    await fleet.submit({ function: 'one', laid_over: await layer() });
    await fleet.submit({ function: 'two', laid_over: await layer('other') });
    const { status, body } = await put(pinned, newer, '?rebuild=true');
    expect([status, body.name]).toEqual([201, pinned]);
    const { jobs } = (await fleet.say('GET', `/v1/batches/${body.batch}/jobs`)).body;
    expect(jobs).toMatchObject([
      { function: 'openfaas-fn/one', template: { digest: body.digest, handler_folder: 'src' } },
    ]);
    expect(jobs).toHaveLength(1);
    expect((await put(pinned, newer, '?rebuild=true')).body).not.toHaveProperty('batch');
  });

  it('is batched with others over the same template and another', async () => {
    const source = { digest: await fleet.upload() };
    const items = [await layer('a'), await layer('b'), undefined].map((laid_over, at) => ({
      ...{ image: `r.example/x:${at}`, source, ...(laid_over && { laid_over }) },
    }));
    const { body } = await fleet.say('POST', '/v1/batches', { items });
    const { jobs } = (await fleet.say('GET', `/v1/batches/${body.id}/jobs`)).body;
    const names = jobs.map((job: { template?: { name: string } }) => job.template?.name ?? '-');
    expect(names.toSorted()).toEqual(['-', 'a', 'b']);
  });

  it.each([
    [
      'unknown digests',
      { digest: `sha256:${'0'.repeat(64)}` },
      {},
      422,
      'source_not_found',
      '/laid_over/digest',
    ],
    ['an invalid name', { name: 'py@../x' }, {}, 422, 'request_invalid', '/laid_over/name'],
    ['a template of the installation as well', {}, { template: 'py' }, 422, 'request_invalid', '/laid_over'],
  ])('is refused with %s', async (_what, changes, more, status, code, path) => {
    const source = { digest: await fleet.upload() };
    const laid_over = { ...(await layer()), ...changes };
    const answer = await fleet.say('POST', '/v1/jobs', {
      image: 'r.example/x:1',
      source,
      laid_over,
      ...more,
    });
    expect([answer.status, answer.body.code, answer.body.errors]).toMatchObject([status, code, [{ path }]]);
  });
});

describe('a template that faas-cli pulled', () => {
  const note = (written_at: string, sha = 'a') =>
    JSON.stringify({
      repository: 'https://ci:pass-word@git.example/t.git',
      ref_name: '1.0.0',
      sha,
      written_at,
    });
  const pulled = (text: string) => put(pinned, { ...files, 'meta.json': text });

  it('shows its origin, is equal at another time, and differs for another commit', async () => {
    const { body: first } = await pulled(note('2026-11-28T10:00:00Z'));
    expect(first.origin).toEqual({ repository: 'https://git.example/t.git', ref: '1.0.0', sha: 'a' });
    const { body: again } = await pulled(note('2026-11-29T10:00:00Z'));
    expect(again).toEqual(first);
    const { body: other } = await pulled(note('2026-11-29T10:00:00Z', 'b'));
    expect([other.version, other.origin.sha]).toEqual([2, 'b']);
    const { body: list } = await fleet.say('GET', '/v1/templates');
    expect(list.templates).toEqual([other]);
    expect((await put(pinned, files)).body).not.toHaveProperty('origin');
    expect((await fleet.say('GET', `/v1/templates/${pinned}`)).body).not.toHaveProperty('origin');
  });

  it.each([
    'py@1.0.0',
    'py@v1.0.0-rc.1+2',
    `golang-middleware@sha-${'0a'.repeat(20)}`,
    'py@feature/Some_Thing',
  ])('may be pinned: %s', async (name) => {
    expect((await put(name, files)).status).toBe(201);
    expect((await fleet.submit({ template: name })).template).toMatchObject({ name });
    expect((await rebuild({ template: name })).status).toBe(422);
  });

  it.each(['py@', 'py@a@b', 'py@-x', 'py@.', 'py@a/../b', 'py@a//b', 'py@/a', `py@${'x'.repeat(129)}`, '@1'])(
    'is refused under the name %s',
    async (name) => {
      expect((await put(name, files)).body.code).toBe('request_invalid');
    },
  );
});
