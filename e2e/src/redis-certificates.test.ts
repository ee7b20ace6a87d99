import { X509Certificate } from 'node:crypto';
import { appendFileSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority, freePort, temporaryFolder } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { measureCertificates, Registry } from '@slipway/shared/metrics';
import { connectRedis, RedisTls } from '@slipway/shared/redis';
import { expect, onTestFinished, test } from 'vitest';
import { startTlsRedis } from './tls-redis.js';

test('connections to Redis use replaced certificates, also of another authority, as soon as certificate and key match', async () => {
  const cleanups = new Cleanups();
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: 'test', level: 'info', destination });
  onTestFinished(() => cleanups.run(logger));
  const folder = await temporaryFolder();
  cleanups.defer('folder', folder.remove);
  const authorityIn = (name: string) => {
    mkdirSync(join(folder.path, name));
    return createAuthority(join(folder.path, name));
  };
  const [before, after, port] = await Promise.all([authorityIn('before'), authorityIn('after'), freePort()]);
  const [issuedBefore, issuedAfter] = await Promise.all([
    before.issue('client'),
    after.issue('client', { days: 3 }),
  ]);
  const fileOf = (name: string) => join(folder.path, name);
  const files = { caFile: fileOf('ca.pem'), certFile: fileOf('cert.pem'), keyFile: fileOf('key.pem') };
  copyFileSync(before.caFile, files.caFile);
  copyFileSync(issuedBefore.certFile, files.certFile);
  copyFileSync(issuedBefore.keyFile, files.keyFile);
  const registry = new Registry();
  measureCertificates({ registry, redis: new RedisTls({ files, logger }) });
  const validUntil = async () =>
    Number(/\{use="redis_client"\} (\d+)$/m.exec(await registry.metrics())?.[1]) * 1_000;
  const endOf = (file: string) => Date.parse(new X509Certificate(readFileSync(file)).validTo);

  const first = await startTlsRedis({ folder: folder.path, port, authority: before });
  cleanups.defer('the first Redis', () => first.stop());
  const url = `rediss://127.0.0.1:${port}`;
  const redis = connectRedis({
    url,
    access: { tls: files },
    name: 'main',
    logger,
    cleanups,
    mode: 'patient',
  });
  // BullMQ creates its connections in this way.
  const duplicate = redis.duplicate();
  cleanups.defer('duplicate', () => duplicate.disconnect());
  duplicate.on('error', () => undefined);
  expect(await Promise.all([redis.ping(), duplicate.ping()])).toEqual(['PONG', 'PONG']);
  expect(await validUntil()).toBe(endOf(issuedBefore.certFile));

  await first.stop();
  const second = await startTlsRedis({ folder: folder.path, port, authority: after });
  cleanups.defer('the second Redis', () => second.stop());
  copyFileSync(issuedAfter.certFile, files.certFile);
  // A certificate without its key is not used, because that would end the connection permanently.
  await expect.poll(() => lines.join('')).toMatch(/"connection":"main".*the old ones stay/);
  copyFileSync(issuedAfter.keyFile, files.keyFile);
  copyFileSync(after.caFile, files.caFile);
  expect(await Promise.all([redis.ping(), duplicate.ping()])).toEqual(['PONG', 'PONG']);
  expect(await validUntil()).toBe(endOf(issuedAfter.certFile));
  // In a chain, the earliest end counts: here that of the authority.
  appendFileSync(files.certFile, readFileSync(after.caFile));
  expect(await validUntil()).toBe(endOf(after.caFile));
});
