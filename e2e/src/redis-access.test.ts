import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority, freePort, temporaryFolder } from '@slipway/local';
import { Secret } from '@slipway/shared/config';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis } from '@slipway/shared/redis';
import type { Fleet } from '@slipway/simulator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startReceiver } from './chaos/ledger/receiver.js';
import { sh } from './context.js';
import { startTestFleet } from './fleet.js';
import { startTlsRedis } from './tls-redis.js';

const password = 'hush-hush-7c41';
const documented = readFileSync(
  fileURLToPath(new URL('../../docs/redis-users.acl', import.meta.url)),
  'utf8',
);
const cleanups = new Cleanups();
const logger = createLogger({ name: 'test', level: 'silent' });
const lines: string[] = [];

/** A Redis with TLS only, client certificates, the documented user and an administrator. */
async function startStrictRedis() {
  const folder = await temporaryFolder();
  cleanups.defer('folder', folder.remove);
  const authority = await createAuthority(folder.path);
  const client = await authority.issue('slipway');
  const aclFile = join(folder.path, 'users.acl');
  writeFileSync(
    aclFile,
    `${documented.replace('PASSWORD', password)}user operator on >operator ~* &* +@all\n`,
  );
  const passwordFile = join(folder.path, 'password');
  writeFileSync(passwordFile, `${password}\n`);
  const port = await freePort();
  const redis = await startTlsRedis({
    ...{ folder: folder.path, port, authority },
    settings: { aclfile: aclFile },
  });
  cleanups.defer('redis', () => redis.stop());
  const url = `rediss://127.0.0.1:${port}`;
  const tls = { caFile: authority.caFile, ...client };
  const env = {
    REDIS_URL: url.replace('rediss://', 'rediss://slipway@'),
    REDIS_PASSWORD_FILE: passwordFile,
    REDIS_CA_FILE: authority.caFile,
    REDIS_CERT_FILE: client.certFile,
    REDIS_KEY_FILE: client.keyFile,
    LOG_LEVEL: 'trace',
  };
  return { url, tls, env };
}

let redis: Awaited<ReturnType<typeof startStrictRedis>>;
let fleet: Fleet;
beforeAll(async () => {
  redis = await startStrictRedis();
  fleet = await startTestFleet({
    replicas: [{ slots: 2 }],
    workers: 1,
    env: { api: redis.env, worker: { ...redis.env, SOURCE_GRACE_MS: '60000' } },
  });
});
afterAll(async () => {
  await fleet?.stop();
  await cleanups.run(logger);
});

const connectAs = (user: string, secret: string, tls = redis.tls) =>
  connectRedis({
    ...{ url: redis.url, access: { user, password: new Secret(secret), tls }, name: 'test', mode: 'request' },
    logger: createLogger({
      ...{ name: 'test', level: 'trace' },
      destination: { write: (line: string) => void lines.push(line) },
    }),
    cleanups,
  });

test('a job succeeds over TLS with the documented user, and Redis denies no command of Slipway', async () => {
  const receiver = await startReceiver();
  cleanups.defer('receiver', () => receiver.stop());
  const { calls } = fleet;
  const call = async (path: string, json?: object) => {
    const answer = await calls.call(path, { ...(json ? { method: 'POST', json } : {}), timeoutMs: 10_000 });
    expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
    return answer.body as { id: string; state?: string };
  };
  const spec = { source: { digest: fleet.source }, callback: receiver.callback };
  await call('/v1/webhooks', { url: receiver.callback.url });
  await call('/v1/tokens', { description: 'one', scopes: ['jobs:read'] });
  const one = await call('/v1/jobs', { ...spec, image: 'registry.test/acl/one:1', function: 'one' });
  const batch = await call('/v1/batches', {
    items: ['two', 'three'].map((name) => ({ ...spec, image: `registry.test/acl/${name}:1` })),
  });
  const stateOf = async (path: string) => (await call(path)).state;
  await expect.poll(() => stateOf(`/v1/jobs/${one.id}`)).toBe('succeeded');
  await expect.poll(() => stateOf(`/v1/batches/${batch.id}`)).toBe('finished');
  for (const path of [`/v1/jobs/${one.id}/logs`, '/v1/jobs', '/v1/builders', '/v1/audit', '/v1/batches']) {
    expect((await calls.call(path, { timeoutMs: 10_000 })).status, path).toBe(200);
  }
  const operator = connectAs('operator', 'operator');
  expect(await operator.acl('LOG')).toEqual([]);
});

test('unreferenced sources are removed with the documented user', async () => {
  const operator = connectAs('operator', 'operator');
  const { calls } = fleet;
  const tar = sh('tar', ['-C', import.meta.dirname, '-cf', '-', 'redis-access.test.ts']);
  const sent = await calls.call('/v1/sources', { method: 'POST', body: tar, type: 'application/x-tar' });
  const { digest } = sent.body as { digest: string };
  const kept = fleet.source;
  const longAgo = Date.now() - 2 * 3_600_000;
  await operator.zadd('{slipway}:sources:used', longAgo, digest, longAgo, kept);
  const status = async (which: string) => (await calls.call(`/v1/sources/${which}`)).status;
  await expect.poll(() => operator.zscore('{slipway}:sources:used', digest), { interval: 200 }).toBeNull();
  expect(await status(digest)).toBe(404);
  expect(await status(kept)).toBe(200);
  expect(await operator.acl('LOG')).toEqual([]);
});

test('the user sees the rights of the default user, who may only write the keys of the installation', async () => {
  const user = connectAs('slipway', password);
  const said = (await user.call('ACL', 'GETUSER', 'default')) as unknown[];
  const field = (name: string) => said[said.indexOf(name) + 1];
  expect(field('flags')).toEqual(['off']);
  expect(field('passwords')).toEqual([]);
  expect(field('commands')).toBe('-@all +@write');
  expect(field('keys')).toBe('~{slipway}:*');
});

test('the user has no access to other keys or to administration commands', async () => {
  const user = connectAs('slipway', password);
  for (const command of [
    () => user.get('other'),
    () => user.publish('other', 'x'),
    () => user.config('GET', '*'),
    () => user.flushall(),
    () => user.keys('*'),
    () => user.scan(0),
    () => user.acl('LIST'),
  ]) {
    await expect(command()).rejects.toThrow(/NOPERM|no permission/i);
  }
});

test('the password is in no log, right or wrong', async () => {
  const wrong = 'wrong-hush-91aa';
  const refused = connectAs('slipway', wrong);
  await expect(refused.ping()).rejects.toThrow();
  await expect.poll(() => lines.join('')).toMatch(/redis is away/);
  refused.disconnect();
  const logs = join(fleet.folder, 'logs');
  const all = [...readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8')), ...lines].join(
    '\n',
  );
  expect(all).toMatch(/"redis_password":"configured"/);
  for (const secret of [password, wrong]) expect(all.includes(secret), secret).toBe(false);
});
