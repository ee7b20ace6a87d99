import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSshServer } from '@slipway/shared/git/testing';
import { describe, expect, it } from 'vitest';
import { hostOf, useSsh } from '../testing/ssh.js';

const { cleanups, newServer, setUp } = useSsh();
const everyTenant = ['*'];

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
