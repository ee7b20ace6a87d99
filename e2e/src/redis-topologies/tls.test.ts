import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CertificateAuthority,
  createAuthority,
  findTool,
  freePort,
  startProcess,
  temporaryFolder,
} from '@slipway/local';
import type { RedisAccess } from '@slipway/shared/config';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, primaryFinder, RedisGuard, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTlsRedis } from '../tls-redis.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
afterAll(() => cleanups.run(logger));

let folder: string;
let authority: CertificateAuthority;
let access: RedisAccess;
beforeAll(async () => {
  const temporary = await temporaryFolder();
  cleanups.defer('folder', temporary.remove);
  folder = temporary.path;
  authority = await createAuthority(folder);
  access = { tls: { caFile: authority.caFile, ...(await authority.issue('slipway')) } };
});

/** Starts a server with TLS only, in a folder of its own. */
async function startServer(name: string, settings: Record<string, string> = {}): Promise<number> {
  const own = join(folder, name);
  await mkdir(own);
  const port = await freePort();
  const server = await startTlsRedis({ folder: own, port, authority, settings });
  cleanups.defer(name, () => server.stop());
  return port;
}

/** Starts a sentinel with TLS only. It connects to the server with TLS too. */
async function startSentinel(primary: number): Promise<number> {
  const port = await freePort();
  const { certFile, keyFile } = await authority.issue('sentinel');
  const file = join(folder, 'sentinel.conf');
  const lines = [
    ...['port 0', `tls-port ${port}`, 'bind 127.0.0.1', 'tls-replication yes', `dir ${folder}`],
    ...[`tls-cert-file ${certFile}`, `tls-key-file ${keyFile}`, `tls-ca-cert-file ${authority.caFile}`],
    `sentinel monitor main 127.0.0.1 ${primary} 1`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const sentinel = await startProcess({
    ...{ name: 'sentinel', command: findTool('redis-server') ?? 'redis-server', args: [file, '--sentinel'] },
  });
  cleanups.defer('sentinel', () => sentinel.stop());
  return port;
}

async function usable(url: string) {
  const finder = primaryFinder({ url, access, prefix: 'slipway', logger });
  const connect = (mode: 'request' | 'patient') =>
    connectRedis({ ...{ url, access, finder, name: 'test', logger, cleanups }, mode });
  const keys = redisKeys('slipway');
  const guard = new RedisGuard({ redis: connect('request'), keys, processName: 'test', logger, finder });
  await guard.start();
  await expect.poll(() => guard.ready().then(() => 'ready', String)).toBe('ready');
  const copy = connect('patient').duplicate();
  cleanups.defer('copy', () => copy.disconnect());
  return await copy.set(`${keys.base}x`, '1');
}

it('a cluster is reached with TLS and a client certificate', async () => {
  const settings = {
    'cluster-enabled': 'yes',
    'tls-cluster': 'yes',
    'cluster-port': String(await freePort()),
  };
  const port = await startServer('cluster', settings);
  const node = connectRedis({
    ...{ url: `rediss://127.0.0.1:${port}`, access, name: 'node', logger, cleanups, mode: 'request' },
  });
  await node.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  expect(await usable(`rediss+cluster://127.0.0.1:${port}`)).toBe('OK');
});

it('sentinels and their primary are reached with TLS and a client certificate', async () => {
  const sentinel = await startSentinel(await startServer('primary'));
  expect(await usable(`rediss+sentinel://127.0.0.1:${sentinel}/main`)).toBe('OK');
});
