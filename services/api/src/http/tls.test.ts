import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect, type PeerCertificate } from 'node:tls';
import { createAuthority, freePort, temporaryFolder } from '@slipway/local';
import { Secret } from '@slipway/shared/config';
import { defaultHttpSettings } from '@slipway/shared/http';
import { Cleanups, runComponents } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createApi } from '../api.js';
import { loadConfig } from '../config.js';

async function startTlsApi() {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const authority = await createAuthority(folder.path);
  const tls = await authority.issue('api');
  const port = await freePort();
  const config = loadConfig({
    PORT: String(port),
    BIND_HOST: '127.0.0.1',
    REDIS_URL: inject('redisUrl'),
    REDIS_PREFIX: `api-tls-${port}`,
    BLOB_STORE: `file://${folder.path}/blobs`,
    PAYLOAD_SECRET: 'payload',
    API_TOKEN: 'token',
    TLS_CERT_FILE: tls.certFile,
    TLS_KEY_FILE: tls.keyFile,
  });
  const logger = createLogger({ name: 'api', level: 'silent' });
  const cleanups = new Cleanups();
  const stop = new AbortController();
  const running = runComponents(await createApi({ config, logger, cleanups }), stop.signal);
  const ca = await readFile(authority.caFile);
  onTestFinished(async () => {
    stop.abort();
    await running;
    await cleanups.run(logger);
  });
  const get = (path: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      httpsGet(`https://127.0.0.1:${port}${path}`, { ca, agent: false }, resolve)
        // Also for a certificate of another authority.
        .once('error', reject);
    });
  await expect.poll(() => get('/healthz').then(({ statusCode }) => statusCode, String)).toBe(200);
  const validUntil = async () => {
    const text = Buffer.concat(await (await get('/metrics')).toArray()).toString();
    return Number(/^slipway_certificate_not_after_timestamp_seconds\{use="server"\} (\d+)$/m.exec(text)?.[1]);
  };
  return { port, get, authority, tls, validUntil };
}

/** Returns the certificate that a new connection gets. */
function shown(port: number, options: { maxVersion?: 'TLSv1.1' | 'TLSv1.2' } = {}): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    // OpenSSL offers no old versions by default.
    const ciphers = options.maxVersion === 'TLSv1.1' ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {};
    const old = options.maxVersion === 'TLSv1.1' ? ({ minVersion: 'TLSv1' } as const) : {};
    const socket = connect(
      { port, host: '127.0.0.1', rejectUnauthorized: false, ...options, ...old, ...ciphers },
      () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}

test('serves TLS 1.2 and up with a certificate, and reloads a replaced certificate', async () => {
  const { port, get, authority, tls, validUntil } = await startTlsApi();
  const answer = await get('/readyz');
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['strict-transport-security']).toMatch(/^max-age=\d{8}$/);
  await shown(port, { maxVersion: 'TLSv1.2' });
  await expect(shown(port, { maxVersion: 'TLSv1.1' })).rejects.toThrow(/protocol version|version/i);
  const { serialNumber: first, valid_to: end } = await shown(port);
  expect(await validUntil()).toBe(Date.parse(end) / 1_000);
  expect(await authority.issue('api', { days: 3 })).toEqual(tls);
  await expect.poll(async () => (await shown(port)).serialNumber).not.toBe(first);
  expect(await validUntil()).toBe(Date.parse((await shown(port)).valid_to) / 1_000);
  expect((await get('/healthz')).statusCode).toBe(200);
});

test('invalid files stop the start with the name of the setting', async () => {
  const least = { BLOB_STORE: 'file:///tmp/x', PAYLOAD_SECRET: 'x' };
  expect(() => loadConfig({ ...least, TLS_CERT_FILE: '/x' })).toThrow(/TLS_KEY_FILE is not set/);
  const config = loadConfig({ ...least, API_TOKEN: 'x', TLS_CERT_FILE: '/none', TLS_KEY_FILE: '/none' });
  expect(config.http).toEqual({
    ...defaultHttpSettings,
    tls: { certFile: '/none', keyFile: '/none' },
  });
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const logger = createLogger({ name: 'api', level: 'silent' });
  const cleanups = new Cleanups();
  onTestFinished(() => cleanups.run(logger));
  const components = await createApi({
    config: {
      ...{ ...config, payloadSecret: new Secret('x'), redisUrl: inject('redisUrl') },
      ...{ port: await freePort(), blobStore: `file://${folder.path}` },
    },
    logger,
    cleanups,
  });
  const running = runComponents(components, new AbortController().signal);
  await expect(running).rejects.toThrow(/TLS_CERT_FILE.*\/none/);
});
