import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnv } from '@slipway/shared/config';
import { parseAllowlist } from '@slipway/shared/egress';
import { type SshServer, startGitServer, startSshServer } from '@slipway/shared/git/testing';
import { afterEach, describe, expect, inject, it } from 'vitest';
import type { NewTenant } from '../testing/add-tenants.js';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { gitConfig } from './config.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanups.splice(0).reverse()) await step();
});
const stopLater = <T extends { stop(): Promise<unknown> }>(part: T): T => {
  cleanups.push(() => part.stop());
  return part;
};

const newServer = async () => stopLater(await startSshServer());

interface Key {
  readonly file: string;
  readonly user?: string;
  readonly tenants: readonly string[];
  readonly repositories?: readonly string[];
}

/** The settings of a server, by its name in URLs. */
const hostOf = (server: SshServer, keys: readonly Key[], hostKeys = [server.hostKey]) => ({
  host_keys: hostKeys,
  keys: keys.map((key) => ({ user: server.user, ...key })),
});

const tenants: NewTenant[] = ['a', 'b'].map((name) => ({
  name,
  token: `${name}-token`,
  settings: { images: ['*'] },
}));

interface SetUp {
  readonly env?: Readonly<Record<string, string>>;
  readonly allow?: string;
  readonly maxSourceBytes?: number;
  /** Further variables in the environment of git and ssh. */
  readonly environment?: Readonly<Record<string, string>>;
}

async function setUp(
  hosts: object,
  { env, allow = '127.0.0.0/8', maxSourceBytes = 512 * 1024, environment }: SetUp = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-ssh-test-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'ssh.json');
  writeFileSync(file, JSON.stringify(hosts));
  const read = readEnv(
    {
      PATH: process.env.PATH,
      GIT_ALLOWED_SCHEMES: 'http',
      GIT_SSH_FILE: file,
      GIT_WORK_DIR: join(folder, 'work'),
      ...env,
    },
    gitConfig,
  );
  const git = { ...read, environment: { ...read.environment, ...environment } };
  const logged: string[] = [];
  const changes = { git, maxSourceBytes, egressAllow: parseAllowlist(allow), logLevel: 'trace' } as const;
  const api = stopLater(await startApi(inject('redisUrl'), changes, { tenants, logged }));
  return { api, logged, submit: (source: object, token?: string) => submit(api, source, token) };
}

let names = 0;

async function submit(api: RunningApi, git: object, token = 'token') {
  const answer = await api.call('/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ image: `r.example/a:${++names}`, push: false, source: { git } }),
  });
  return { status: answer.status, ...((await answer.json()) as Answer) };
}

interface Answer {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string }[];
  readonly source?: { readonly digest: string };
  readonly vcs?: object;
}

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

describe('the connection', () => {
  it('is only made to a server with the configured host key', async () => {
    const server = await newServer();
    const hosts = { [server.host]: hostOf(server, [{ file: server.key(), tenants: everyTenant }]) };
    const { submit } = await setUp(hosts);
    const { url, commit } = server.repository('x');
    commit({ Dockerfile: 'FROM a\n' });
    expect(await submit({ url })).toMatchObject({ status: 202 });
    for (const type of ['ed25519', 'ecdsa'] as const) {
      server.changeHostKey(type);
      expect(await submit({ url })).toMatchObject({
        status: 422,
        code: 'git_host_key_unknown',
        detail: expect.stringContaining(server.host),
        errors: [{ path: '/source/git/url' }],
      });
    }
  });

  it('reports a refused or unusable key, and a missing repository or server', async () => {
    const server = await newServer();
    const gone = await startSshServer();
    const refused = { file: server.strangeKey(), tenants: ['a'] };
    const file = server.key();
    const key = { file, tenants: everyTenant };
    const { submit } = await setUp({
      [server.host]: hostOf(server, [refused, key]),
      [gone.host]: hostOf(gone, [key]),
    });
    const url = `ssh://${server.user}@${server.host}/nothing`;
    expect(await submit({ url })).toMatchObject({
      code: 'git_unreachable',
      detail: expect.stringContaining('no repository at this URL'),
    });
    expect(await submit({ url }, 'a-token')).toMatchObject({
      code: 'git_unauthorized',
      detail: expect.stringContaining('refuses the ssh key'),
    });
    const unusable = { code: 'git_unauthorized', detail: expect.stringContaining('key file') };
    chmodSync(file, 0o644);
    expect(await submit({ url })).toMatchObject(unusable);
    rmSync(file);
    expect(await submit({ url })).toMatchObject(unusable);
    await gone.stop();
    expect(await submit({ url: `ssh://${gone.user}@${gone.host}/nothing` }, 'b-token')).toMatchObject(
      unusable,
    );
    const later = await setUp({ [gone.host]: hostOf(server, [{ ...key, file: server.key() }]) });
    expect(await later.submit({ url: `ssh://${gone.user}@${gone.host}/nothing` })).toMatchObject({
      code: 'git_unreachable',
      detail: expect.stringContaining('No connection'),
    });
  });

  it('is not made to an address that is not allowed', async () => {
    const server = await newServer();
    const [, port] = server.host.split(':');
    const settings = hostOf(server, [{ file: server.key(), tenants: everyTenant }]);
    const hosts = { [server.host]: settings, [`localhost:${port}`]: settings };
    const { commit } = server.repository('x');
    commit({ Dockerfile: 'FROM a\n' });
    const urls = [server.host, `localhost:${port}`].map((host) => `ssh://${server.user}@${host}/x`);
    const closed = await setUp(hosts, { allow: '' });
    for (const url of urls) expect(await closed.submit({ url })).toMatchObject({ code: 'git_url_invalid' });
    expect(server.connections).toBe(0);
    const open = await setUp(hosts, { allow: '127.0.0.0/8,::1' });
    for (const url of urls) expect(await open.submit({ url })).toMatchObject({ status: 202 });
    const named = await setUp(hosts, { allow: '', env: { GIT_ALLOWED_HOSTS: server.host } });
    expect(await named.submit({ url: urls[0] })).toMatchObject({ status: 202 });
    expect(await named.submit({ url: urls[1] })).toMatchObject({ code: 'git_url_invalid' });
  });

  it('uses only the configured key, not that of an agent', async () => {
    const server = await newServer();
    const folder = mkdtempSync(join(tmpdir(), 'slipway-agent-'));
    const socket = join(folder, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    cleanups.push(() => {
      agent.kill();
      rmSync(folder, { recursive: true });
    });
    await expect.poll(() => existsSync(socket)).toBe(true);
    execFileSync('ssh-add', ['-q', server.key()], { env: { SSH_AUTH_SOCK: socket } });
    const hosts = { [server.host]: hostOf(server, [{ file: server.strangeKey(), tenants: everyTenant }]) };
    const { submit } = await setUp(hosts, { environment: { SSH_AUTH_SOCK: socket } });
    const { url } = server.repository('x');
    expect(await submit({ url })).toMatchObject({
      code: 'git_unauthorized',
      detail: expect.stringContaining('refuses the ssh key'),
    });
  });

  it('shows neither the key nor its file in process lists, logs and answers', async () => {
    const server = await newServer();
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => silent.close());
    const seen: string[] = [];
    silent.on('connection', (socket) => {
      seen.push(...processes());
      socket.destroy();
    });
    const file = server.key();
    const key = { file, tenants: everyTenant };
    const late = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const hosts = { [server.host]: hostOf(server, [key]), [late]: hostOf(server, [key]) };
    const { submit, logged } = await setUp(hosts);
    const { url, commit } = server.repository('x');
    commit({ Dockerfile: 'FROM a\n' });
    const answers = [
      await submit({ url }),
      await submit({ url: `ssh://${server.user}@${late}/x` }),
      await submit({ url: `ssh://${server.user}@${server.host}/gone` }),
    ];
    expect(answers).toMatchObject([
      { status: 202 },
      { code: 'git_unreachable' },
      { code: 'git_unreachable' },
    ]);
    expect(seen.some((line) => /(?:^|\/)ssh -F ssh_config/.test(line))).toBe(true);
    expect(logged.join('')).toContain('fetched from git');
    const said = JSON.stringify([answers, logged, seen]);
    expect(said).not.toContain(file);
    const [, body = ''] = readFileSync(file, 'utf8').split('\n');
    expect(said).not.toContain(body);
  });
});

/** Returns the command lines of all processes. */
function processes(): string[] {
  return execFileSync('ps', ['-e', '-ww', '-o', 'args='], { encoding: 'utf8' }).split('\n');
}

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
