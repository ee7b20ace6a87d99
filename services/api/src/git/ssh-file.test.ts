import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnv } from '@slipway/shared/config';
import { afterAll, describe, expect, it } from 'vitest';
import { gitConfig } from './config.js';

const folder = mkdtempSync(join(tmpdir(), 'slipway-ssh-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

function newKey(name: string, type = 'ed25519', passphrase = '', format = 'RFC4716'): string {
  const file = join(folder, name);
  execFileSync('ssh-keygen', ['-q', '-t', type, '-m', format, '-N', passphrase, '-C', '', '-f', file]);
  return file;
}
const publicKey = (file: string) => readFileSync(`${file}.pub`, 'utf8').trim();

const good = newKey('good');
const hostKey = publicKey(good);
const open = newKey('open');
chmodSync(open, 0o640);
writeFileSync(join(folder, 'text'), 'hunter2\n', { mode: 0o600 });
const key = { file: 'good', tenants: ['a'] };
const host = { host_keys: [hostKey], keys: [key] };

function read(content: unknown, env: Readonly<Record<string, string>> = {}) {
  const file = join(folder, 'ssh.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return readEnv({ PATH: process.env.PATH, GIT_SSH_FILE: file, ...env }, gitConfig).ssh;
}

describe('the file of GIT_SSH_FILE', () => {
  it('has hosts, their keys, and the tenants and repositories of each key', () => {
    expect(readEnv({}, gitConfig).ssh).toEqual(new Map());
    const keys = [
      { file: good, tenants: ['*'], user: 'robot', repositories: ['/acme/shop.git', 'acme/*'] },
      key,
    ];
    const ssh = read({ 'Git.Example.com': { ...host, keys }, '[2001:db8::1]:2222': host });
    const own = { file: good, publicKey: hostKey, user: 'git', tenants: ['a'], repositories: undefined };
    expect(ssh.get('git.example.com')).toEqual({
      hostKeys: [hostKey],
      keys: [{ ...own, user: 'robot', tenants: ['*'], repositories: ['acme/shop', 'acme/*'] }, own],
    });
    expect(ssh.get('[2001:db8::1]:2222')).toEqual({ hostKeys: [hostKey], keys: [own] });
  });

  it.each([
    ['rsa', 'PEM'],
    ['ecdsa', 'PEM'],
    ['rsa', 'RFC4716'],
    ['ecdsa', 'PKCS8'],
  ])('may name a key of %s as %s', (type, format) => {
    const file = newKey(`${type}-${format}`, type, '', format);
    expect(read({ h: { ...host, keys: [{ ...key, file }] } }).get('h')?.keys[0]?.publicKey).toBe(
      publicKey(file),
    );
  });

  it.each([
    ['a passphrase', newKey('locked', 'ed25519', 'hunter2'), 'has a passphrase'],
    ['a passphrase in PEM', newKey('locked-pem', 'rsa', 'hunter2', 'PEM'), 'has a passphrase'],
    ['open permissions', open, 'chmod 600'],
    ['no key', join(folder, 'text'), 'holds no private key'],
    ['nothing', join(folder, 'gone'), 'does not exist'],
    ['a folder', folder, 'holds no private key'],
  ])('is refused when a key file has %s', (_what, file, message) => {
    const reading = () => read({ h: { ...host, keys: [{ ...key, file }] } });
    expect(reading).toThrow(`GIT_SSH_FILE names the key file ${file}, which`);
    expect(reading).toThrow(message);
    expect(reading).not.toThrow('hunter2');
  });

  it.each([
    ['text', '{hunter2', 'does not name a file of JSON'],
    ['a list', [], 'content is wrong'],
    ['no host keys', { h: { ...host, host_keys: [] } }, 'h › host_keys'],
    ['no keys', { h: { ...host, keys: [] } }, 'h › keys'],
    ['no tenants', { h: { ...host, keys: [{ file: 'good' }] } }, 'h › keys › 0 › tenants'],
    ['an empty list of tenants', { h: { ...host, keys: [{ ...key, tenants: [] }] } }, 'tenants'],
    ['an unknown field', { h: { ...host, keys: [{ ...key, tenant: 'a' }] } }, 'h › keys › 0'],
    ['a host key with its host', { h: { ...host, host_keys: [`h ${hostKey}`] } }, 'host_keys › 0'],
    [
      'a host key of another type',
      { h: { ...host, host_keys: [hostKey.replace('ed25519', 'rsa')] } },
      'of the type',
    ],
    [
      'a host key with a line more',
      { h: { ...host, host_keys: [`${hostKey}\n* ${hostKey}`] } },
      'host_keys › 0',
    ],
    ['a wrong pattern', { h: { ...host, keys: [{ ...key, repositories: ['*/x'] }] } }, 'repositories › 0'],
    ['a URL for a host', { 'ssh://h': host }, "'ssh://h'"],
    ['the usual port', { 'h:22': host }, "'h:22'"],
    ['a user', { 'git@h': host }, "'git@h'"],
    ['an option for a host', { '-oProxyCommand=id': host }, "'-oproxycommand=id'"],
  ])('is refused with %s', (_what, content, message) => {
    expect(() => read(content)).toThrow('GIT_SSH_FILE');
    expect(() => read(content)).toThrow(message);
    expect(() => read(content)).not.toThrow('hunter2');
  });

  it('is refused if it cannot be read, and on a machine without ssh', () => {
    expect(() => read({}, { GIT_SSH_FILE: join(folder, 'gone.json') })).toThrow(
      'GIT_SSH_FILE cannot be read: ENOENT',
    );
    const empty = join(folder, 'bin');
    mkdirSync(empty);
    expect(() => read({ h: host }, { PATH: empty })).toThrow('GIT_SSH_FILE needs the ssh client');
  });
});
