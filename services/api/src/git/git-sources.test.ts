import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { openBlobStore } from '@slipway/shared/blobs';
import { readEnv } from '@slipway/shared/config';
import type { GitSource } from '@slipway/shared/contracts';
import { parseAllowlist } from '@slipway/shared/egress';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { createLogger } from '@slipway/shared/logger';
import { redisKeys } from '@slipway/shared/redis';
import { createSourceStore, SourceOwners } from '@slipway/source';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, inject, it } from 'vitest';
import type { Account } from '../tenants/account.js';
import { gitConfig } from './config.js';
import { type GitHeads, GitSources } from './git-sources.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanups.splice(0).reverse()) await step();
});

async function serve(options?: { authorization?: string }): Promise<GitServer> {
  const server = await startGitServer(options);
  cleanups.push(() => server.stop());
  return server;
}

let prefixes = 0;

async function setUp(env: Record<string, string> = {}, maxBytes = 4 * 1024 * 1024, allow = '127.0.0.1') {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-git-test-'));
  const blobs = await openBlobStore(`file://${folder}/blobs`);
  const limits = { maxArchiveBytes: maxBytes, maxBytes, maxFiles: 100, maxRatio: 200 };
  const sources = createSourceStore({ blobs, limits });
  const redis = new Redis(inject('redisUrl'));
  const log: string[] = [];
  const workDir = join(folder, 'work');
  const config = readEnv(
    { PATH: process.env.PATH, GIT_ALLOWED_SCHEMES: 'http', GIT_WORK_DIR: workDir, ...env },
    gitConfig,
  );
  const keys = redisKeys(`git-test-${process.pid}-${++prefixes}`);
  const all = new GitSources({
    sources,
    owners: new SourceOwners({ redis, keys }),
    redis,
    keys,
    config,
    egressAllow: parseAllowlist(allow),
    maxBytes,
    logger: createLogger({
      name: 'test',
      level: 'trace',
      destination: new Writable({
        write(chunk, _encoding, done) {
          log.push(String(chunk));
          done();
        },
      }),
    }),
  });
  const tenant = {
    name: 'default',
    weight: 1,
    settings: { highest_priority: 'high', limits: {} },
  } as Account;
  const git = {
    take: (source: GitSource, heads?: GitHeads) => all.take(source, tenant, heads),
    close: () => all.close(),
    sweep: () => all.sweep(),
  };
  cleanups.push(async () => {
    await git.close();
    redis.disconnect();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    git,
    redis,
    keys,
    sources,
    log,
    workDir,
    folder,
    /** Returns the files of a source, path to text; a link as `-> target`. */
    async files(source: GitSource): Promise<Record<string, string>> {
      const { digest } = await git.take(source);
      const tar = await sources.streamTar(digest);
      const out = mkdtempSync(join(folder, 'out-'));
      const archive = join(out, 'tar');
      writeFileSync(archive, Buffer.concat((await tar?.toArray()) ?? []));
      const listed = execFileSync('tar', ['-tvf', archive], { encoding: 'utf8' });
      const paths = listed
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('d'));
      return Object.fromEntries(
        paths.map((line) => {
          const [, name = '', target] = /\d\d:\d\d (.*?)(?: -> (.*))?$/.exec(line) ?? [];
          if (target !== undefined) return [name, `-> ${target}`];
          return [name, execFileSync('tar', ['-xOf', archive, name], { encoding: 'latin1' })];
        }),
      );
    },
  };
}

const refusal = async (work: Promise<unknown>) => {
  try {
    await work;
  } catch (error) {
    const { code, message, errors } = error as { code: string; message: string; errors?: { path: string }[] };
    return { code, message, path: errors?.[0]?.path };
  }
  throw new Error('it was not refused');
};

describe('a source from git', () => {
  it('has links as text, to any target', async () => {
    const server = await serve();
    const { files } = await setUp();
    const { url, commit } = server.repository('links');
    const links = { out: '../../etc/passwd', absolute: '/etc/passwd', gone: 'nowhere', self: 'self' };
    commit({
      'a/Dockerfile': 'FROM a\n',
      ...Object.fromEntries(Object.entries(links).map(([name, link]) => [`a/${name}`, { link }])),
    });
    expect(await files({ url, path: 'a' })).toEqual({
      Dockerfile: 'FROM a\n',
      ...Object.fromEntries(Object.entries(links).map(([name, target]) => [name, `-> ${target}`])),
    });
  });

  it('is the default branch, a branch, a tag of either kind, or a commit by its id, unchanged', async () => {
    const server = await serve();
    const { git, files } = await setUp();
    const repository = server.repository('one');
    const first = repository.commit({
      Dockerfile: 'FROM a\n',
      'run.sh': '#!/bin/sh\n',
      link: { link: 'run.sh' },
    });
    repository.git('tag', 'light');
    repository.git('tag', '--annotate', '--message', 'x', 'v1.0');
    repository.git(
      'push',
      '--quiet',
      `${repository.folder}/../one.git`,
      '--tags',
      'HEAD:refs/heads/side/way',
    );
    const second = repository.commit({ Dockerfile: 'FROM b\n' });
    const { url } = repository;
    expect(await files({ url })).toEqual({
      Dockerfile: 'FROM b\n',
      'run.sh': '#!/bin/sh\n',
      link: '-> run.sh',
    });
    for (const ref of [
      'light',
      'v1.0',
      'side/way',
      'refs/tags/v1.0',
      'refs/heads/side/way',
      first,
      first.toUpperCase(),
    ]) {
      expect(await git.take({ url, ref })).toMatchObject({ git: { url, ref, commit: first } });
      expect(await files({ url, ref })).toMatchObject({ Dockerfile: 'FROM a\n' });
    }
    expect((await git.take({ url, ref: 'main' })).git).toEqual({ url, ref: 'main', commit: second });
  });

  it.each([
    'naïve/ü',
    'fix/#12',
    'user@host',
    '100%',
    'a+b,c;d',
    'v1@2',
    'x=y&z',
    '日本',
    'refs/pull/7/head',
    'a/-b',
  ])('is found under the ref %s', async (ref) => {
    const server = await serve();
    const { git } = await setUp();
    const repository = server.repository('names');
    const commit = repository.commit({ Dockerfile: 'FROM a\n' });
    const name = ref.startsWith('refs/') ? ref : `refs/heads/${ref}`;
    repository.git('push', '--quiet', `${repository.folder}/../names.git`, `HEAD:${name}`);
    expect((await git.take({ url: repository.url, ref })).git).toMatchObject({ ref, commit });
  });

  it('is the named folder of the repository, and the same source as an upload of it', async () => {
    const server = await serve();
    const { git, sources, files } = await setUp();
    const repository = server.repository('folders');
    repository.commit({ 'functions/a/Dockerfile': 'FROM a\n', 'functions/b/Dockerfile': 'FROM b\n' });
    expect(await files({ url: repository.url, path: 'functions/a' })).toEqual({ Dockerfile: 'FROM a\n' });
    expect(await files({ url: repository.url, path: 'functions/' })).toHaveProperty('b/Dockerfile');
    const packed = execFileSync('tar', ['-cf', '-', '-C', join(repository.folder, 'functions/a'), '.']);
    const { digest } = await sources.ingest(Readable.from([packed]));
    expect(await git.take({ url: repository.url, path: 'functions/a' })).toMatchObject({ digest });
  });

  it('has the committed bytes despite attributes, and fetches no submodule, hook or large file', async () => {
    const server = await serve();
    const { files } = await setUp();
    const inner = server.repository('inner');
    const innerCommit = inner.commit({ secret: 'of another repository' });
    const repository = server.repository('attributes');
    mkdirSync(join(repository.folder, 'sub'));
    repository.git('update-index', '--add', '--cacheinfo', `160000,${innerCommit},sub`);
    repository.commit({
      '.gitmodules': `[submodule "sub"]\n\tpath = sub\n\turl = ${inner.url}\n`,
      '.lfsconfig': `[lfs]\n\turl = ${server.url}/lfs\n`,
      'big.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n',
      'ignored.txt': 'here all the same',
      'subst.txt': '$Format:%H$ $Id$',
      'lines.txt': 'one\ntwo\n',
      '.githooks/post-checkout': '#!/bin/sh\ntouch /tmp/hooked\n',
    });
    // In a separate commit, so that adding the files did not apply the attributes.
    repository.commit({
      '.gitattributes':
        'ignored.txt export-ignore\nsubst.txt export-subst ident\nlines.txt text eol=crlf\n*.bin filter=lfs\n',
    });
    const asked = server.requests.length;
    const found = await files({ url: repository.url, submodules: false });
    expect(found).toMatchObject({
      'ignored.txt': 'here all the same',
      'subst.txt': '$Format:%H$ $Id$',
      'lines.txt': 'one\ntwo\n',
      'big.bin': expect.stringContaining('git-lfs'),
    });
    expect(Object.keys(found).filter((path) => path.startsWith('sub/'))).toEqual([]);
    const others = server.requests.slice(asked).filter(({ path }) => !path.startsWith('/attributes.git/'));
    expect(others).toEqual([]);
  });

  it('is not fetched again while it is stored, and is fetched again after its removal', async () => {
    const server = await serve();
    const { git, sources, folder } = await setUp();
    const repository = server.repository('again');
    repository.commit({ Dockerfile: 'FROM a\n' });
    const { digest } = await git.take({ url: repository.url });
    const packs = () => server.requests.filter(({ path }) => path.endsWith('/git-upload-pack')).length;
    const before = packs();
    await git.take({ url: repository.url });
    // One call lists the refs, none fetches.
    expect(packs() - before).toBe(1);
    rmSync(join(folder, 'blobs/sources'), { recursive: true });
    expect(await git.take({ url: repository.url })).toMatchObject({ digest });
    expect(await sources.find(digest)).toBeDefined();
  });

  it('is remembered at the cost of its tenant, once, and only if the tenant has room', async () => {
    const server = await serve();
    const { git, redis, keys, sources, folder } = await setUp();
    const repository = server.repository('remembered');
    repository.commit({ 'a/Dockerfile': 'FROM a\n', 'b/Dockerfile': 'FROM b\n' });
    const remembered = () => redis.keys(`${keys.base.replaceAll(/[{}]/g, '?')}git:*`);
    const charged = () => redis.hget(keys.stored('default'), 'bytes');
    await git.take({ url: repository.url, path: 'a' });
    const bytes = Number(await charged());
    const [key = ''] = await remembered();
    expect(bytes).toBeGreaterThanOrEqual(Number(await redis.memory('USAGE', key)));
    rmSync(join(folder, 'blobs/sources'), { recursive: true });
    await git.take({ url: repository.url, path: 'a' });
    expect(Number(await charged())).toBe(bytes);
    const due = Object.entries(await redis.hgetall(keys.stored('default'))).filter(([field]) =>
      /^due:/.test(field),
    );
    expect(due.map(([, value]) => Number(value))).toEqual([bytes]);
    await redis.hset(keys.stored('default'), 'limit', bytes);
    const { digest } = await git.take({ url: repository.url, path: 'b' });
    expect(await sources.find(digest)).toBeDefined();
    expect(await remembered()).toEqual([key]);
  });

  it('is fetched once for all concurrent requests, for any folder', async () => {
    const server = await serve();
    const { git, workDir } = await setUp({ GIT_CONCURRENCY: '2' });
    const repository = server.repository('shared');
    const names = Array.from({ length: 12 }, (_, n) => `f${n}`);
    repository.commit(Object.fromEntries(names.map((name) => [`${name}/Dockerfile`, `FROM ${name}\n`])));
    const heads = new Map();
    const taken = await Promise.all(
      [...names, ...names].map((path) => git.take({ url: repository.url, path }, heads)),
    );
    expect(new Set(taken.map(({ digest }) => digest)).size).toBe(names.length);
    const packs = server.requests.filter(({ path }) => path.endsWith('/git-upload-pack'));
    // The list of refs, and the fetch with its negotiation.
    expect(packs.length).toBeLessThanOrEqual(3);
    await git.close();
    expect(readdirSync(workDir)).toEqual([]);
  });
});

describe('a git source is refused with', () => {
  it.each([
    ['https://example.com/x.git', 'a scheme that is not allowed'],
    ['file:///etc', 'a file'],
    ['ext::sh -c touch% /tmp/pwned', 'a helper'],
    ['git@example.com:x.git', 'an address of scp'],
    ['--upload-pack=touch /tmp/pwned', 'an option'],
    ['http://user:hunter2@127.0.0.1/x.git', 'credentials'],
    ['http://127.0.0.1/x.git?token=hunter2', 'a query'],
    ['http://elsewhere.example/x.git', 'a host that is not allowed'],
    ['/etc', 'a path'],
  ])('%s: %s', async (url) => {
    const { git } = await setUp({ GIT_ALLOWED_HOSTS: '127.0.0.1, git.example' });
    const found = await refusal(git.take({ url }));
    expect(found).toMatchObject({ code: 'git_url_invalid', path: '/source/git/url' });
    expect(found.message).not.toContain('hunter2');
  });

  it('an address that is not public, by name or not, before any request goes there', async () => {
    const server = await serve();
    const { url, commit } = server.repository('inside');
    const id = commit({ Dockerfile: 'FROM a\n' });
    const { git } = await setUp({}, undefined, '');
    const spellings = [url, url.replace('127.0.0.1', 'localhost'), url.replace('127.0.0.1', '0x7f.1')];
    for (const spelling of spellings) {
      for (const ref of ['main', id]) {
        expect(await refusal(git.take({ url: spelling, ref }))).toMatchObject({ code: 'git_url_invalid' });
      }
    }
    expect(server.requests).toEqual([]);
    const { git: allowed } = await setUp({ GIT_ALLOWED_HOSTS: server.host }, undefined, '');
    expect(await allowed.take({ url })).toMatchObject({ git: { commit: id } });
    const named = url.replace('127.0.0.1', 'localhost');
    const { git: byRange } = await setUp({}, undefined, '127.0.0.0/8,::1');
    expect(await byRange.take({ url: named })).toMatchObject({ git: { commit: id } });
  });

  it('a ref, a commit or a folder that does not exist', async () => {
    const server = await serve();
    const { git } = await setUp();
    const repository = server.repository('missing');
    const commit = repository.commit({ Dockerfile: 'FROM a\n', 'folder/file': 'x' });
    const { url } = repository;
    const code = async (source: object) => (await refusal(git.take({ url, ...source }))).code;
    expect(await code({ ref: 'gone' })).toBe('git_ref_not_found');
    const message = async (source: object) => (await refusal(git.take({ url, ...source }))).message;
    expect(await message({ ref: 'gone' })).toBe('The repository has no branch or tag "gone".');
    expect(await message({ ref: commit.slice(0, 7) })).toContain(
      `no branch or tag "${commit.slice(0, 7)}"; if that is the beginning of a commit's id, give the whole id of 40 digits`,
    );
    expect(await message({ path: 'gone' })).toBe('The folder does not exist at this commit: "gone".');
    expect(await code({ ref: commit.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) })).toBe(
      'git_ref_not_found',
    );
    for (const path of ['gone', 'Dockerfile', ':!folder', ':/', 'folder/*']) {
      expect(await code({ path })).toBe('git_path_not_found');
    }
  });

  it('a ref that git could take for an option', async () => {
    const server = await serve();
    const { git } = await setUp();
    const { url, commit } = server.repository('options');
    commit({ Dockerfile: 'FROM a\n' });
    const ref = '--upload-pack=touch /tmp/slipway-pwned';
    expect(await refusal(git.take({ url, ref }))).toMatchObject({ code: 'git_ref_not_found' });
    expect(existsSync('/tmp/slipway-pwned')).toBe(false);
  });

  it('no repository, no server, and a redirect', async () => {
    const server = await serve();
    const { git } = await setUp();
    const { url, commit } = server.repository('target');
    commit({ Dockerfile: 'FROM a\n' });
    expect(await refusal(git.take({ url: `${server.url}/none.git` }))).toMatchObject({
      code: 'git_unreachable',
    });
    server.answer((req, res) => {
      res.writeHead(302, { location: `http://127.0.0.1:1${req.url}` }).end();
    });
    expect(await refusal(git.take({ url }))).toMatchObject({
      code: 'git_unreachable',
      message: expect.stringContaining('redirects'),
    });
    await server.stop();
    cleanups.shift();
    expect(await refusal(git.take({ url }))).toMatchObject({ code: 'git_unreachable' });
  });

  it('a folder with more entries than are allowed', async () => {
    const server = await serve();
    const { git, folder } = await setUp();
    const repository = server.repository('many');
    repository.commit(Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`a/f${n}`, 'x'])));
    expect(await refusal(git.take({ url: repository.url, path: 'a' }))).toMatchObject({
      code: 'source_too_many_files',
      path: '/source/git',
    });
    expect(existsSync(join(folder, 'blobs/sources'))).toBe(false);
  });

  it('a repository that is too large, before all of it is fetched', async () => {
    const server = await serve();
    const { git, workDir } = await setUp({}, 256 * 1024);
    const repository = server.repository('large');
    repository.commit({ 'random.bin': randomBytes(3 * 1024 * 1024).toString('base64') });
    server.throttle(64 * 1024);
    expect(await refusal(git.take({ url: repository.url }))).toMatchObject({
      code: 'source_too_large',
      path: '/source/git/url',
    });
    expect(server.sent).toBeLessThan(2 * 1024 * 1024);
    await git.close();
    expect(readdirSync(workDir)).toEqual([]);
  });

  it('a folder that unpacks to more than the limit from a small pack', async () => {
    const server = await serve();
    const { git } = await setUp({}, 256 * 1024);
    const repository = server.repository('zeros');
    repository.commit({ 'zeros.bin': '0'.repeat(8 * 1024 * 1024) });
    expect(await refusal(git.take({ url: repository.url }))).toMatchObject({ code: 'source_too_large' });
  });

  it('a server that takes too long: no process of git remains', async () => {
    const server = await serve();
    const { git, workDir } = await setUp({ GIT_TIMEOUT_MS: '1500' });
    const repository = server.repository('slow');
    repository.commit({ Dockerfile: 'FROM a\n' });
    server.answer(() => undefined);
    const taking = refusal(git.take({ url: repository.url }));
    await expect.poll(() => gitProcesses(workDir).length).toBeGreaterThan(1);
    expect(await taking).toMatchObject({ code: 'git_timed_out' });
    await expect.poll(() => gitProcesses(workDir)).toEqual([]);
    expect(readdirSync(workDir)).toEqual([]);
  });
});

describe('a private repository', () => {
  const password = 'hunter2-secret';
  const authorization = `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`;
  const withCredentials = (host: string, entry: object) => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-git-credentials-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'credentials.json');
    writeFileSync(path, JSON.stringify({ [host]: entry }));
    return { GIT_CREDENTIALS_FILE: path };
  };

  it('is fetched with the credential of its host, which stays secret', async () => {
    const server = await serve({ authorization });
    const repository = server.repository('private');
    repository.commit({ Dockerfile: 'FROM a\n' });
    const { git, log, workDir } = await setUp(withCredentials(server.host, { username: 'robot', password }));
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.hold(held);
    const taking = git.take({ url: repository.url });
    await expect.poll(() => gitProcesses(workDir).length).toBeGreaterThan(1);
    const running = gitProcesses(workDir).join();
    release();
    const taken = await taking;
    expect(running).toContain(repository.url);
    for (const said of [running, log.join(''), JSON.stringify(taken)]) {
      for (const secret of [password, authorization.slice('Basic '.length)])
        expect(said).not.toContain(secret);
    }
  });

  it('is refused without a credential or with a wrong one, and other hosts never get the credential', async () => {
    const server = await serve({ authorization });
    const other = await serve();
    const repository = server.repository('private');
    repository.commit({ Dockerfile: 'FROM a\n' });
    const open = other.repository('open');
    open.commit({ Dockerfile: 'FROM a\n' });
    for (const env of [{}, withCredentials(server.host, { token: 'wrong-secret' })]) {
      const { git, log } = await setUp(env);
      const found = await refusal(git.take({ url: repository.url }));
      expect(found).toMatchObject({ code: 'git_unauthorized', path: '/source/git/url' });
      expect(JSON.stringify(found) + log.join('')).not.toContain('wrong-secret');
      await git.take({ url: open.url });
    }
    expect(other.requests.map((request) => request.authorization)).not.toContainEqual(expect.anything());
  });

  it.each([
    ['{"host": {"token": "hunter2"', 'does not name a file of JSON'],
    ['{"host": "hunter2"}', 'must name a file like'],
    ['["hunter2"]', 'must name a file like'],
  ])('an invalid file of credentials stops the start, and is not shown: %s', (text, reason) => {
    const { GIT_CREDENTIALS_FILE: path } = withCredentials('h', {});
    writeFileSync(path, text);
    let message = '';
    try {
      readEnv({ GIT_CREDENTIALS_FILE: path }, gitConfig);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(`GIT_CREDENTIALS_FILE ${reason}`);
    expect(message).not.toContain('hunter2');
  });
});

/** Returns the command lines of all processes that work in a folder below this one. */
function gitProcesses(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      if (!/^\d+$/.test(pid) || !readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) return [];
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      // The process has ended in the meantime.
      return [];
    }
  });
}
