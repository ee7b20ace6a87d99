import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gitProcesses, refusal, useGit } from '../testing/git-sources.js';

const { cleanups, serve, setUp } = useGit();

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
