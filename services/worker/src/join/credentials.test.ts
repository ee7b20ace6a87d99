import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../config.js';
import { credentialsFor } from './credentials.js';

let folder: string;
let helperEnv: Readonly<Record<string, string>>;
beforeAll(async () => {
  const temporary = await temporaryFolder();
  folder = temporary.path;
  await mkdir(join(folder, 'bin'));
  const config = loadConfig({
    ...{
      REDIS_URL: 'redis://127.0.0.1',
      BLOB_STORE: `file://${folder}`,
      PAYLOAD_SECRET: 'payload-secret-value',
    },
    BUILDERS: 'http://builder:8081',
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    AWS_WEB_IDENTITY_TOKEN_FILE: '/token',
    VAULT_ADDR: 'vault',
    CREDENTIAL_HELPER_ENV: 'VAULT_*',
  });
  helperEnv = config.registries.helperEnv;
  return () => temporary.remove();
});

const registry = 'r.example:5000';
/** Returns the credentials that a worker finds with a helper that runs this script. */
async function found(script: string | undefined, more: object = {}) {
  if (script !== undefined) {
    await writeFile(join(folder, 'bin/docker-credential-pod'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const config = { credHelpers: { [registry]: script === undefined ? 'absent' : 'pod' }, ...more };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return credentialsFor({ registry, folder, helperEnv });
}

it('asks the helper of the registry, which gets the environment of the clouds', async () => {
  const script = `env > ${folder}/seen; cat > ${folder}/asked; echo '{"Username":"<token>","Secret":"s"}'`;
  expect(await found(script)).toEqual({ username: '<token>', password: 's' });
  expect(await readFile(join(folder, 'asked'), 'utf8')).toBe(registry);
  const seen = await readFile(join(folder, 'seen'), 'utf8');
  expect(seen).toContain('AWS_WEB_IDENTITY_TOKEN_FILE=/token\n');
  expect(seen).toContain('VAULT_ADDR=vault\n');
  expect(seen).not.toContain('payload-secret-value');
});

it('asks the store of all registries, and takes `auths` when it has nothing', async () => {
  const auths = { [registry]: { auth: Buffer.from('u:p').toString('base64') } };
  const without = 'echo credentials not found in native keychain; exit 1';
  expect(await found(without, { credHelpers: {}, credsStore: 'pod', auths })).toEqual({
    username: 'u',
    password: 'p',
  });
  expect(await found(without)).toBeUndefined();
});

it.each([
  ['is missing', undefined, 'credential_helper_failed', 'docker-credential-absent is not on the PATH'],
  ['fails', 'echo no role; exit 1', 'credential_helper_failed', 'ended with 1: no role'],
  ['prints something else', 'echo my-password', 'credential_helper_failed', 'printed no credentials'],
  ['cannot reach its cloud', 'echo "dial tcp: i/o timeout"; exit 1', 'registry_unreachable', 'i/o timeout'],
])('says what is wrong when the helper %s', async (_how, script, code, words) => {
  const error = await found(script).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
  expect(String(error)).not.toContain('my-password');
});

it('says that a config cannot be read, and quotes nothing of it', async () => {
  await writeFile(join(folder, 'config.json'), '{"auths": {"r": {"auth": "my-password"');
  const error = await credentialsFor({ registry, folder, helperEnv }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'registry_config_invalid' });
  expect(String(error)).not.toContain('my-password');
});
