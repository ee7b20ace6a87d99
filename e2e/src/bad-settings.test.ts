import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePort, type RedisHandle, startRedis } from '@slipway/local';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scratchFolder } from './context.js';
import { canUse } from './engines.js';
import { startProgram } from './program.js';

const services = ['api', 'worker', 'builder'] as const;
/** A builder opens its engine before it listens. */
const listening = services.filter((service) => service !== 'builder' || canUse('buildah'));
const taken = createServer().listen(0, '127.0.0.1');
let redis: RedisHandle;
let least: Record<string, string>;

beforeAll(async () => {
  redis = await startRedis();
  const folder = scratchFolder();
  least = {
    ...{ PORT: String(await freePort()), METRICS_PORT: '', HEALTH_PORT: '', BIND_HOST: '127.0.0.1' },
    ...{ REDIS_URL: redis.url, BLOB_STORE: `file://${folder}/blobs`, WORK_DIR: `${folder}/work` },
    ...{
      PAYLOAD_SECRET: 'x',
      API_TOKEN: 'x',
      ENGINE: 'buildah',
      BUILDAH_TRUSTED_SOURCES: 'true',
      BUILDERS: 'http://127.0.0.1:1',
    },
  };
  if (!taken.listening) await once(taken, 'listening');
});

afterAll(async () => {
  taken.close();
  await redis.stop();
});

const start = (service: string, env: Record<string, string>) => {
  const main = fileURLToPath(new URL(`../../services/${service}/dist/main.js`, import.meta.url));
  return startProgram(process.execPath, [main], { env: { ...least, ...env } }).ended;
};

const places = [
  ...(canUse('buildah') ? ([['builder', { ENGINE_STATE_DIR: '/proc/x' }]] as const) : []),
  ['api', { BLOB_STORE: 's3://bucket' }],
  ['worker', { BLOB_STORE: 's3://bucket' }],
  ['api', { BLOB_STORE: 'file:///dev/null/blobs' }],
  ['worker', { BLOB_STORE: 'file:///dev/null/blobs' }],
  // Takes no folders, which the recursive mkdir of Node.js does not notice.
  ['api', { BLOB_STORE: 'file:///proc/x' }],
  ['worker', { BLOB_STORE: 'file:///proc/x/y' }],
  ['builder', { WORK_DIR: '/proc/x' }],
  ['builder', { ENGINE: 'buildah', PATH: '/nowhere' }],
  ['api', { TENANTS_FILE: '/nowhere/tenants.yml' }],
  ['builder', { WORK_DIR: '/dev/null/work' }],
  ...listening.flatMap((service) => [
    // RFC 5737: no machine has this address.
    [service, { BIND_HOST: '203.0.113.1' }] as const,
    [service, { TLS_CERT_FILE: '/nowhere/cert', TLS_KEY_FILE: '/nowhere/key' }] as const,
  ]),
] as const;

test.each(places)('the %s with %j exits with 2 and names the setting', async (service, env) => {
  const { exit, err, out } = await start(service, env);
  expect({ exit, err, out }).toMatchObject({
    exit: 2,
    err: expect.stringContaining(Object.keys(env)[0] ?? ''),
  });
  expect(err).not.toMatch(/^ +at /m);
});

test.each(listening)('the %s exits with 2 and names a port in use', async (service) => {
  const port = String((taken.address() as AddressInfo).port);
  for (const name of ['PORT', 'METRICS_PORT', 'HEALTH_PORT']) {
    const { exit, err } = await start(service, { [name]: port });
    expect({ exit, err }).toEqual({
      exit: 2,
      err: expect.stringContaining(`${service}: ${name} cannot be used`),
    });
  }
});

test.each(services)('the %s exits with 2 and names a port that two servers would have', async (service) => {
  const { exit, err } = await start(service, { METRICS_PORT: least.PORT ?? '' });
  expect({ exit, err }).toEqual({
    exit: 2,
    err: expect.stringContaining('METRICS_PORT must differ from PORT'),
  });
});

test.each(services)('the %s names all bad settings at once', async (service) => {
  const bad = { LOG_LEVEL: 'loud', PORT: 'http', SHUTDOWN_GRACE_MS: 'soon', PAYLOAD_SECRET: '' };
  const { exit, err } = await start(service, bad);
  expect(exit).toBe(2);
  for (const name of Object.keys(bad)) expect(err).toMatch(new RegExp(`^  ${name} `, 'm'));
});
