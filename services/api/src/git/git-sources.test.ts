import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { useGit } from '../testing/git-sources.js';

const { serve, setUp } = useGit();

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
