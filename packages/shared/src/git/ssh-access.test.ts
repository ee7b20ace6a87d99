import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findHead, type RepositoryOptions, repositoryUrl, sshScope } from './index.js';
import { type SshServer, startSshServer } from './testing/index.js';

let server: SshServer;
const workDir = mkdtempSync(join(tmpdir(), 'slipway-ssh-access-'));
beforeAll(async () => {
  server = await startSshServer();
});
afterAll(async () => {
  await server.stop();
  rmSync(workDir, { recursive: true });
});

const key = (file: string) => ({
  file,
  publicKey: file,
  user: server.user,
  tenants: ['a'],
  repositories: undefined,
});

function access(url: string, addresses: readonly string[]): RepositoryOptions {
  const host = { hostKeys: [server.hostKey], keys: [key(server.key())] };
  const config = {
    allowedSchemes: [],
    allowedHosts: [],
    credentials: new Map(),
    ssh: new Map([[server.host, host]]),
    timeoutMs: 60_000,
    workDir,
    environment: { PATH: process.env.PATH ?? '' },
  };
  return {
    url: repositoryUrl(url, config),
    config,
    resolve: undefined,
    ssh: { host, key: key(server.key()), addresses },
    maxBytes: 1_000_000,
    check: () => Promise.reject(new Error('no submodules')),
    stopping: new AbortController().signal,
  };
}

describe('a server over ssh', () => {
  it('is tried at one address after another, until one accepts the connection', async () => {
    const { url, commit } = server.repository('x');
    const sha = commit({ Dockerfile: 'FROM a\n' });
    const silent = ['127.0.0.2', '::1'];
    expect(await findHead('main', access(url, [...silent, '127.0.0.1']))).toMatchObject({ commit: sha });
    await expect(findHead('main', access(url, silent))).rejects.toMatchObject({ code: 'git_unreachable' });
    const before = server.connections;
    const gone = access(url.replace('/x', '/gone'), ['127.0.0.1', '127.0.0.1']);
    await expect(findHead('main', gone)).rejects.toMatchObject({ code: 'git_unreachable' });
    expect(server.connections).toBe(before + 1);
  });
});

describe('fetched repositories are shared', () => {
  it('by tenants with the same keys for the same repositories', () => {
    const host = (...keys: object[]) => ({
      hostKeys: [],
      keys: keys.map((each) => ({ ...key('k'), ...each })),
    });
    const hosts = new Map([
      [
        'h',
        host({ tenants: ['a', 'b'] }, { tenants: ['c'], repositories: ['x'] }, { tenants: ['d'], user: 'u' }),
      ],
      ['i', host({ tenants: ['b', 'e', 'f'] }, { tenants: ['g'], publicKey: 'other' })],
    ]);
    const scopes = ['a', 'b', 'c', 'd', 'e', 'g', 'stranger'].map((tenant) => sshScope(hosts, tenant));
    expect(new Set(scopes).size).toBe(scopes.length);
    expect(sshScope(hosts, 'f')).toBe(sshScope(hosts, 'e'));
    expect(sshScope(hosts, 'stranger')).toBeUndefined();
    expect(sshScope(undefined, 'a')).toBeUndefined();
  });
});
