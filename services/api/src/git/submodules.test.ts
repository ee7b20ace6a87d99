import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnv } from '@slipway/shared/config';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { gitConfig } from './config.js';

let api: RunningApi;
let server: GitServer;
let other: GitServer;
const secret = 'Basic cm9ib3Q6aHVudGVyMg==';
const folder = mkdtempSync(join(tmpdir(), 'slipway-submodules-'));
let names = 0;

beforeAll(async () => {
  server = await startGitServer();
  other = await startGitServer();
  const file = join(folder, 'credentials.json');
  writeFileSync(file, JSON.stringify({ [server.host]: { username: 'robot', password: 'hunter2' } }));
  const git = readEnv(
    {
      PATH: process.env.PATH,
      GIT_ALLOWED_SCHEMES: 'http',
      GIT_CREDENTIALS_FILE: file,
      GIT_WORK_DIR: join(folder, 'work'),
    },
    gitConfig,
  );
  api = await startApi(inject('redisUrl'), { git, maxSourceBytes: 512 * 1024 });
});
afterAll(async () => {
  await api.stop();
  await server.stop();
  await other.stop();
  rmSync(folder, { recursive: true });
});
afterEach(() => other.answer(undefined));

const repository = (at = server) => at.repository(`r${++names}`);

async function submit(git: object) {
  const answer = await api.post('/v1/jobs', {
    image: `r.example/a:${++names}`,
    push: false,
    source: { git },
  });
  const body = (await answer.json()) as {
    code?: string;
    detail?: string;
    errors?: { path: string }[];
    source?: { digest: string };
  };
  return { status: answer.status, ...body };
}

/** Returns the digest of the same files as an upload. */
async function digestOf(files: Readonly<Record<string, string>>) {
  const answer = await api.post('/v1/jobs', { image: `r.example/a:${++names}`, source: { files } });
  return ((await answer.json()) as { source: { digest: string } }).source.digest;
}

describe('a folder of a repository with submodules', () => {
  it('is refused with their names, unless the request includes or excludes them', async () => {
    const inner = repository();
    const parent = repository();
    parent.commit({ 'fn/Dockerfile': 'FROM a\n', 'plain/Dockerfile': 'FROM a\n' });
    parent.link('fn/lib', inner.commit({ code: 'x' }), inner.url);
    const { url } = parent;
    for (const path of ['fn', '.', 'fn/lib']) {
      expect(await submit({ url, path })).toMatchObject({
        status: 422,
        code: 'git_submodules_undecided',
        detail: expect.stringContaining('the submodules "fn/lib"; set submodules to true'),
        errors: [{ path: '/source/git/submodules' }],
      });
    }
    expect(await submit({ url, path: 'plain' })).toMatchObject({ status: 202 });
    const without = await submit({ url, path: 'fn', submodules: false });
    expect(without).toMatchObject({ status: 202 });
    const whole = await submit({ url, path: 'fn', submodules: true });
    expect(whole.source?.digest).toBe(await digestOf({ Dockerfile: 'FROM a\n', 'lib/code': 'x' }));
    // The remembered source of one choice does not serve another.
    expect(await submit({ url, path: 'fn' })).toMatchObject({ code: 'git_submodules_undecided' });
    expect((await submit({ url, path: 'fn', submodules: true })).source).toMatchObject(whole.source ?? {});
  });

  it('includes them at the recorded commit, by relative URLs and nested, each folder alone', async () => {
    const deep = repository();
    const middle = repository();
    middle.commit({ Dockerfile: 'FROM c\n', own: 'm' });
    const middleCommit = middle.link(
      'deep',
      deep.commit({ Dockerfile: 'FROM d\n', file: 'd' }),
      `../${deep.url.split('/').at(-1)}`,
    );
    middle.commit({ own: 'later' });
    const parent = repository();
    parent.commit({ Dockerfile: 'FROM a\n', 'a/Dockerfile': 'FROM b\n' });
    parent.link('a/middle', middleCommit, `../${middle.url.split('/').at(-1)}`);
    const { url } = parent;
    const folder = { Dockerfile: 'FROM c\n', own: 'm', 'deep/Dockerfile': 'FROM d\n', 'deep/file': 'd' };
    const inner = await submit({ url, path: 'a/middle/deep', submodules: true });
    expect(inner.source?.digest).toBe(await digestOf({ Dockerfile: 'FROM d\n', file: 'd' }));
    const answer = await submit({ url, path: 'a/middle', submodules: true });
    expect(answer.source?.digest).toBe(
      await digestOf({ ...folder, '.gitmodules': `${middle.git('show', `${middleCommit}:.gitmodules`)}\n` }),
    );
    const both = await Promise.all(
      ['a', 'a/middle', '.'].map((path) => submit({ url, path, submodules: true })),
    );
    expect(both.map(({ status }) => status)).toEqual([202, 202, 202]);
  });

  it('sends credentials to their own host alone', async () => {
    const inner = repository(other);
    const commit = inner.commit({ code: 'x' });
    const parent = repository();
    parent.commit({ Dockerfile: 'FROM a\n' });
    parent.link('lib', commit, inner.url);
    const asked = other.requests.length;
    expect(await submit({ url: parent.url, submodules: true })).toMatchObject({ status: 202 });
    const sent = other.requests.slice(asked);
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.map(({ authorization }) => authorization)).not.toContainEqual(expect.anything());
    expect(server.requests.map(({ authorization }) => authorization)).toContain(secret);
  });

  it.each([
    ['file:///etc', 'git_submodule_invalid'],
    ['ext::sh -c touch% /tmp/slipway-pwned', 'git_url_invalid'],
    ['git@example.com:x.git', 'git_unauthorized'],
    ['https://example.com/x.git', 'git_url_invalid'],
    ['http://user:hunter2@127.0.0.1/x.git', 'git_url_invalid'],
    ['http://169.254.169.254/x.git', 'git_url_invalid'],
    ['../../../x.git', 'git_submodule_invalid'],
    ['/etc', 'git_url_invalid'],
    [undefined, 'git_submodule_invalid'],
  ])('is refused when the URL of one is %s', async (url, code) => {
    const parent = repository();
    parent.commit({ Dockerfile: 'FROM a\n' });
    parent.link('lib', '1'.repeat(40), url);
    const answer = await submit({ url: parent.url, submodules: true });
    expect(answer).toMatchObject({ status: 422, code, detail: expect.stringContaining('"lib"') });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
  });

  it('is refused when one is missing, leads back to itself or exceeds the total size', async () => {
    const gone = repository();
    gone.commit({ Dockerfile: 'FROM a\n' });
    const { url: empty, commit } = repository();
    commit({ x: 'y' });
    gone.link('lib', '1'.repeat(40), empty);
    expect(await submit({ url: gone.url, submodules: true })).toMatchObject({ code: 'git_ref_not_found' });

    const self = repository();
    let last = self.commit({ Dockerfile: 'FROM a\n' });
    for (let depth = 0; depth < 10; depth++) last = self.link('self', last, self.url);
    expect(await submit({ url: self.url, submodules: true })).toMatchObject({
      code: 'git_submodule_invalid',
      detail: expect.stringContaining('submodules deep'),
    });

    const large = repository();
    large.commit({ Dockerfile: 'FROM a\n' });
    for (const path of ['one', 'two', 'three']) {
      const inner = repository();
      const random = Buffer.from(Array.from({ length: 200_000 }, () => Math.floor(Math.random() * 256)));
      large.link(path, inner.commit({ random: random.toString('base64') }), inner.url);
    }
    expect(await submit({ url: large.url, submodules: true })).toMatchObject({ code: 'source_too_large' });
    expect(await submit({ url: large.url, submodules: false })).toMatchObject({ status: 202 });
  });
});
