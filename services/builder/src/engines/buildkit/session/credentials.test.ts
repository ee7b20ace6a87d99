import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterAll, expect, test } from 'vitest';
import { credentialsFor } from './credentials.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function ask(host: string, config: unknown) {
  await writeFile(join(folder.path, 'config.json'), JSON.stringify(config));
  return await credentialsFor(host, {
    dockerConfig: folder.path,
    env: { PATH: `${folder.path}:/usr/bin:/bin` },
    killGraceMs: 100,
    signal: new AbortController().signal,
  });
}

const user = { username: 'user', secret: 'pass:word' };
const auth = base64('user:pass:word');

test.each([
  ['registry.example', { 'registry.example': { auth } }, user],
  ['registry.example:5000', { 'https://registry.example:5000/v1/': { auth } }, user],
  ['registry-1.docker.io', { 'https://index.docker.io/v1/': { auth } }, user],
  [
    'registry.example',
    { 'registry.example': { auth: base64('user:pass\0\0') } },
    { ...user, secret: 'pass' },
  ],
  ['registry.example', { 'registry.example': { identitytoken: 'token' } }, { username: '', secret: 'token' }],
  ['registry.example', { 'other.example': { auth } }, { username: '', secret: '' }],
  ['registry.example', { 'registry.example': { auth: '' } }, { username: '', secret: '' }],
])('%s with the logins %j', async (host, auths, expected) => {
  expect(await ask(host, { auths })).toEqual(expected);
});

test('a helper is asked, that of the registry before that of all', async () => {
  const helper = (name: string, script: string) =>
    writeFile(join(folder.path, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await helper('one', 'read host; printf \'{"Username":"%s","Secret":"s"}\' "$host"');
  await helper('all', 'printf \'{"Username":"<token>","Secret":"identity"}\'');
  await helper('none', 'echo "credentials not found in native keychain"; exit 1');
  const config = { credHelpers: { 'one.example': 'one', 'none.example': 'none' }, credsStore: 'all' };
  expect(await ask('one.example', config)).toEqual({ username: 'one.example', secret: 's' });
  expect(await ask('other.example', config)).toEqual({ username: '', secret: 'identity' });
  expect(await ask('none.example', config)).toEqual({ username: '', secret: '' });
});

test.each([
  ['fails', 'echo no network; exit 3', /error getting credentials.*code 3: no network/],
  ['prints something else', 'echo hello', /error getting credentials.*printed no JSON/],
  ['prints too little', "echo '{}'", /error getting credentials.*no Username or Secret/],
  ['is missing', undefined, /error getting credentials.*does not run/],
])('a helper that %s', async (name, script, expected) => {
  const helper = name.replaceAll(' ', '-');
  if (script !== undefined)
    await writeFile(join(folder.path, `docker-credential-${helper}`), `#!/bin/sh\n${script}\n`, {
      mode: 0o755,
    });
  await expect(ask('registry.example', { credsStore: helper })).rejects.toThrow(expected);
});
