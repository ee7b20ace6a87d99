import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { startGitServer, startSshServer } from '@slipway/shared/git/testing';
import { describe, expect, it } from 'vitest';
import { hostOf, useSsh } from '../testing/ssh.js';

const { cleanups, stopLater, newServer, setUp } = useSsh();
const everyTenant = ['*'];
const isRoot = process.getuid?.() === 0;

describe('a repository over ssh', () => {
  it('is fetched by branch, tag and commit', async () => {
    const server = await newServer();
    const hosts = { [server.host]: hostOf(server, [{ file: server.key(), tenants: everyTenant }]) };
    const { submit } = await setUp(hosts);
    const { url, commit, git, bare } = server.repository('acme/shop');
    const sha = commit({ 'fn/Dockerfile': 'FROM a\n' });
    git('push', '--quiet', bare, 'HEAD:refs/tags/v1');
    const answers = await Promise.all(
      [{}, { ref: 'main' }, { ref: 'v1' }, { ref: sha }].map((more) => submit({ url, path: 'fn', ...more })),
    );
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(new Set(answers.map(({ source }) => source?.digest)).size).toBe(1);
    expect(answers[0]?.vcs).toEqual({ repo: 'acme/shop', sha });
    expect(await submit({ url, ref: 'gone' })).toMatchObject({ status: 422, code: 'git_ref_not_found' });
    expect(await submit({ url, path: 'gone' })).toMatchObject({ status: 422, code: 'git_path_not_found' });
  });

  it.runIf(isRoot)('accepts the short form of its URL, whose port is 22', async () => {
    const address = `127.${process.pid & 127}.${(process.pid >> 7) & 127}.22`;
    const server = stopLater(await startSshServer({ address, port: 22 }));
    const hosts = { [server.host]: hostOf(server, [{ file: server.key(), tenants: everyTenant }]) };
    const { submit } = await setUp(hosts);
    const inner = server.repository('lib/inner').commit({ code: 'x' });
    const parent = server.repository('acme/shop');
    const sha = parent.commit({ Dockerfile: 'FROM a\n' });
    const url = `${server.user}@${address}:acme/shop.git`;
    expect(await submit({ url })).toMatchObject({ status: 202, vcs: { repo: 'acme/shop', sha } });
    parent.link('lib', inner, '../../lib/inner.git');
    expect(await submit({ url, submodules: true })).toMatchObject({ status: 202 });
    parent.link('lib', inner, '../../../lib/inner.git');
    expect(await submit({ url, submodules: true })).toMatchObject({ code: 'git_submodule_invalid' });
  });

  it('is refused where its URL has an option of ssh, a password or a path to a parent', async () => {
    const { submit } = await setUp({});
    for (const url of [
      'ssh://-oProxyCommand=id/x',
      'git@-oProxyCommand=id:x',
      'ssh://git:hunter2@h/x',
      'ssh://git@h/a/../b',
    ]) {
      const answer = await submit({ url });
      expect(answer, url).toMatchObject({
        status: 422,
        code: 'git_url_invalid',
        errors: [{ path: '/source/git/url' }],
      });
      expect(JSON.stringify(answer)).not.toContain('hunter2');
    }
  });

  it('keeps the limits of size and time', async () => {
    const server = await newServer();
    const silent = createServer();
    const connected = new Promise<Socket>((resolve) => silent.once('connection', resolve));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => silent.close());
    const late = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const key = { file: server.key(), tenants: everyTenant };
    const hosts = { [server.host]: hostOf(server, [key]), [late]: hostOf(server, [key]) };
    const { submit } = await setUp(hosts, { maxSourceBytes: 100_000 });
    const hasty = await setUp(hosts, { env: { GIT_TIMEOUT_MS: '3000' } });
    const { url, commit } = server.repository('large');
    commit({ random: randomBytes(200_000).toString('base64') });
    expect(await submit({ url })).toMatchObject({ code: 'source_too_large' });
    const ended = connected.then(
      (socket) => new Promise((resolve) => socket.resume().once('close', resolve)),
    );
    const slow = await hasty.submit({ url: `ssh://${server.user}@${late}/x` });
    expect(slow).toMatchObject({ code: 'git_timed_out' });
    await ended;
  });
});

describe('a tenant', () => {
  it('reads what its own keys may read, and nothing that another tenant fetched', async () => {
    const server = await newServer();
    const [a, b] = ['a/*', 'b/*'].map((name) => server.key([name.replace('*', 'x'), name.replace('*', 'y')]));
    const { submit } = await setUp({
      [server.host]: hostOf(server, [
        { file: a ?? '', tenants: ['a'] },
        { file: b ?? '', tenants: ['b'] },
      ]),
    });
    const { url, commit } = server.repository('a/x');
    const ref = commit({ Dockerfile: 'FROM a\n' });
    for (const source of [{ url }, { url, ref }]) {
      expect(await submit(source, 'a-token')).toMatchObject({ status: 202 });
      expect(await submit(source, 'b-token')).toMatchObject({ status: 422, code: 'git_unreachable' });
      const before = server.connections;
      expect(await submit(source)).toMatchObject({ status: 422, code: 'git_unauthorized' });
      expect(server.connections).toBe(before);
    }
  });

  it('gets no submodule that only another tenant may read, also of a shared repository', async () => {
    const server = await newServer();
    const open = stopLater(await startGitServer());
    const { submit } = await setUp({
      [server.host]: hostOf(server, [{ file: server.key(), tenants: ['a'] }]),
    });
    const inner = server.repository('inner');
    const parent = open.repository('parent');
    parent.commit({ Dockerfile: 'FROM a\n' });
    const ref = parent.link('lib', inner.commit({ code: 'x' }), inner.url);
    const source = { url: parent.url, ref, submodules: true };
    expect(await submit(source, 'a-token')).toMatchObject({ status: 202 });
    expect(await submit(source, 'b-token')).toMatchObject({
      status: 422,
      code: 'git_unauthorized',
      detail: expect.stringContaining('"lib"'),
    });
    expect(await submit({ ...source, submodules: false }, 'b-token')).toMatchObject({ status: 202 });
  });

  it('uses the first key for the tenant, the user and the repository', async () => {
    const server = await newServer();
    const { submit } = await setUp({
      [server.host]: hostOf(server, [
        { file: server.strangeKey(), tenants: ['b'] },
        { file: server.key(['acme/shop']), tenants: ['a'], repositories: ['/acme/shop.git'] },
        { file: server.key(['acme/deep/x']), tenants: ['a'], repositories: ['acme/deep/*'] },
        { file: server.key(), tenants: ['a'], user: 'other' },
      ]),
    });
    for (const name of ['acme/shop', 'acme/deep/x']) {
      const { url, commit } = server.repository(name);
      commit({ Dockerfile: name });
      expect(await submit({ url }, 'a-token')).toMatchObject({ status: 202 });
    }
    for (const name of ['acme/shop2', 'acme/deep', 'acme/deeper/x']) {
      const { url, commit } = server.repository(name);
      commit({ Dockerfile: name });
      expect(await submit({ url }, 'a-token')).toMatchObject({ code: 'git_unauthorized' });
    }
  });
});

describe('a submodule over ssh', () => {
  it('is fetched by an absolute and a relative URL, beside one over http', async () => {
    const server = await newServer();
    const open = stopLater(await startGitServer());
    const { submit } = await setUp({
      [server.host]: hostOf(server, [{ file: server.key(), tenants: ['a'] }]),
    });
    const inner = server.repository('acme/inner');
    const sha = inner.commit({ Dockerfile: 'FROM b\n', code: 'x' });
    const free = open.repository('free');
    const parent = server.repository('acme/parent');
    parent.commit({ Dockerfile: 'FROM a\n' });
    parent.link('absolute', sha, inner.url);
    parent.link('relative', sha, '../inner.git');
    parent.link('free', free.commit({ more: 'y' }), free.url);
    const whole = { url: parent.url, submodules: true };
    expect(await submit(whole, 'a-token')).toMatchObject({ status: 202 });
    const { source } = await submit({ url: inner.url }, 'a-token');
    for (const path of ['absolute', 'relative']) {
      expect((await submit({ ...whole, path }, 'a-token')).source?.digest).toBe(source?.digest);
    }
  });

  it('is refused where its URL is not allowed, with its path', async () => {
    const server = await newServer();
    const hosts = { [server.host]: hostOf(server, [{ file: server.key(), tenants: everyTenant }]) };
    const { submit } = await setUp(hosts);
    const parent = server.repository('acme/parent');
    parent.commit({ Dockerfile: 'FROM a\n' });
    for (const [url, code] of [
      ['ssh://-oProxyCommand=id/x', 'git_url_invalid'],
      ['git@-oProxyCommand=id:x', 'git_url_invalid'],
      ['git@unknown.example:acme/x.git', 'git_unauthorized'],
      ['../../../x', 'git_submodule_invalid'],
      ['file:///etc', 'git_submodule_invalid'],
    ] as const) {
      parent.link('lib', '1'.repeat(40), url);
      expect(await submit({ url: parent.url, submodules: true }), url).toMatchObject({
        status: 422,
        code,
        detail: expect.stringContaining('"lib"'),
      });
    }
  });
});
