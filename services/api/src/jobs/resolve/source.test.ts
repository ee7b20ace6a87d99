import type { Job } from '@slipway/shared/contracts';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type RunningApi, startApi } from '../../testing/start-api.js';

let api: RunningApi;
let server: GitServer;
beforeAll(async () => {
  [api, server] = await Promise.all([startApi(inject('redisUrl')), startGitServer()]);
});
afterAll(() => Promise.all([api.stop(), server.stop()]));

let images = 0;
const submit = (source: object) => api.post('/v1/jobs', { image: `r.example/s${++images}:1`, source });
const problem = async (answer: Response) => {
  const { status, code, errors } = (await answer.json()) as {
    status: number;
    code: string;
    errors?: { path: string }[];
  };
  return [status, code, errors?.map(({ path }) => path)];
};
const sourceOf = async (answer: Response) => {
  expect(answer.status).toBe(202);
  return ((await answer.json()) as Job).source;
};

describe('POST /v1/jobs', () => {
  it('stores inline files', async () => {
    const { digest, ...rest } = await sourceOf(await submit({ files: { Dockerfile: 'FROM scratch\n' } }));
    expect(rest).toEqual({});
    const stored = await api.call(`/v1/sources/${digest}`);
    expect(await stored.json()).toEqual({ digest, files: 1, bytes: 13 });
    expect(await sourceOf(await submit({ digest }))).toEqual({ digest });
  });

  it('fetches a folder of a git repository, and returns its commit', async () => {
    const repository = server.repository('jobs');
    const commit = repository.commit({ 'a/Dockerfile': 'FROM scratch\n' });
    const git = { url: repository.url, ref: 'main', path: 'a' };
    const { digest } = await sourceOf(await submit({ files: { Dockerfile: 'FROM scratch\n' } }));
    expect(await sourceOf(await submit({ git }))).toEqual({ digest, git: { ...git, commit } });
  });

  it('refuses sources that cannot be fetched or stored, and names the field', async () => {
    const { url, commit } = server.repository('refused');
    commit({ Dockerfile: 'FROM scratch\n' });
    const code = async (source: object) => await problem(await submit(source));
    expect(await code({ files: { '../x': '' } })).toEqual([
      422,
      'source_path_unsafe',
      ['/source/files/..~1x'],
    ]);
    expect(await code({ files: {} })).toEqual([422, 'request_invalid', ['/source/files']]);
    expect(await code({ git: { url: 'https://h.example/x' } })).toEqual([
      422,
      'git_url_invalid',
      ['/source/git/url'],
    ]);
    expect(await code({ git: { url, ref: 'gone' } })).toEqual([
      422,
      'git_ref_not_found',
      ['/source/git/ref'],
    ]);
    expect(await code({ git: { url, ref: '--upload-pack=x' } })).toEqual([
      422,
      'request_invalid',
      ['/source/git/ref'],
    ]);
    expect(await code({ git: { url, path: '../x' } })).toEqual([
      422,
      'request_invalid',
      ['/source/git/path'],
    ]);
    expect(await code({ git: { url, path: 'gone' } })).toEqual([
      422,
      'git_path_not_found',
      ['/source/git/path'],
    ]);
  });

  it('builds a whole batch from one commit, fetched once', async () => {
    const repository = server.repository('batch');
    const names = Array.from({ length: 20 }, (_, n) => `f${n}`);
    repository.commit(Object.fromEntries(names.map((name) => [`${name}/Dockerfile`, `FROM ${name}\n`])));
    const before = server.requests.length;
    const git = { url: repository.url };
    const items = names.map((path) => ({ image: `r.example/${path}:1`, source: { git: { ...git, path } } }));
    const bad = { image: 'r.example/bad:1', source: { git: { ...git, path: 'none' } } };
    expect(await problem(await api.post('/v1/batches', { items: [...items, bad] }))).toEqual([
      422,
      'batch_invalid',
      ['/items/20/source/git/path'],
    ]);
    expect((await api.post('/v1/batches', { items })).status).toBe(202);
    const packs = server.requests.slice(before).filter(({ path }) => path.endsWith('/git-upload-pack'));
    // Each request lists the refs; one of them fetches, with its negotiation.
    expect(packs.length).toBeLessThanOrEqual(4);
  });
});

describe('the commit of a job', () => {
  const [given, other] = [
    { repo: 'acme/fork', sha: '1'.repeat(40) },
    { repo: 'acme/all', sha: '2'.repeat(64) },
  ];
  const job = async (changes: object) => {
    const answer = await api.post('/v1/jobs', { image: `r.example/s${++images}:1`, ...changes });
    expect(answer.status).toBe(202);
    return (await answer.json()) as Job;
  };
  const files = { files: { Dockerfile: 'FROM scratch\n' } };

  it('is that of its git source, unless the job names another', async () => {
    const repository = server.repository('acme/hello');
    const sha = repository.commit({ Dockerfile: 'FROM scratch\n' });
    const source = { git: { url: repository.url } };
    expect((await job({ source })).vcs).toEqual({ repo: 'acme/hello', sha });
    expect((await job({ source, vcs: given })).vcs).toEqual(given);
    expect((await job({ source: files, vcs: given })).vcs).toEqual(given);
    expect((await job({ source: files })).vcs).toBeUndefined();
  });

  it('is unknown for a repository without an owner', async () => {
    const repository = server.repository('alone');
    repository.commit({ Dockerfile: 'FROM scratch\n' });
    expect((await job({ source: { git: { url: repository.url } } })).vcs).toBeUndefined();
  });

  it('must be a repository and a full commit id', async () => {
    for (const [vcs, path] of [
      [{ repo: 'alone', sha: given.sha }, '/vcs/repo'],
      [{ repo: 'acme/../hello', sha: given.sha }, '/vcs/repo'],
      [{ repo: 'acme/hello', sha: 'main' }, '/vcs/sha'],
    ] as const) {
      const answer = await api.post('/v1/jobs', { image: 'r.example/v:1', source: files, vcs });
      expect(await problem(answer)).toEqual([422, 'request_invalid', [path]]);
    }
  });

  it('comes from the defaults of a batch, the item, or the source of the item', async () => {
    const repository = server.repository('acme/batch');
    const sha = repository.commit({ 'a/Dockerfile': 'FROM scratch\n' });
    const git = { git: { url: repository.url, path: 'a' } };
    const vcsOf = async (defaults: object, items: object[]) => {
      const named = items.map((item) => ({ image: `r.example/s${++images}:1`, ...item }));
      const answer = await api.post('/v1/batches', { defaults, items: named });
      expect(answer.status).toBe(202);
      const { id } = (await answer.json()) as { id: string };
      const { jobs } = (await (await api.call(`/v1/batches/${id}/jobs`)).json()) as { jobs: Job[] };
      return named.map(({ image }) => jobs.find((each) => each.image === image)?.vcs);
    };
    const items = [{ source: git }, { source: files }, { source: git, vcs: other }];
    expect(await vcsOf({}, items)).toEqual([{ repo: 'acme/batch', sha }, undefined, other]);
    expect(await vcsOf({ vcs: given }, items)).toEqual([given, given, other]);
  });
});
