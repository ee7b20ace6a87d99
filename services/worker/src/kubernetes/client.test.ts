import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createAuthority, temporaryFolder } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { afterAll, describe, expect, it } from 'vitest';
import { KubernetesClient } from './client.js';
import { startWatchServer } from './testing/watch-server.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
afterAll(() => cleanups.run(logger));
const { signal } = new AbortController();

/** Starts an HTTPS server whose certificate is signed by an authority of its own. Returns the certificate of the authority. */
async function startTlsServer(folder: string) {
  await mkdir(folder);
  const { caFile, issue } = await createAuthority(folder);
  const { certFile, keyFile } = await issue('server');
  const server = createServer(
    { cert: await readFile(certFile), key: await readFile(keyFile) },
    (_request, response) => response.end('answer'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  cleanups.defer('server', () => server.close().closeAllConnections());
  return { authority: await readFile(caFile, 'utf8'), port: (server.address() as AddressInfo).port };
}

describe('the client of the API server', () => {
  it('trusts the authority of the service account alone, and its successor', async () => {
    const folder = await temporaryFolder();
    cleanups.defer('folder', () => folder.remove());
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => startTlsServer(join(folder.path, name))),
    );
    if (!one || !two) throw new Error('no servers');
    await writeFile(join(folder.path, 'token'), 'x');
    await writeFile(join(folder.path, 'ca.crt'), one.authority);
    const clients = [one, two].map(
      ({ port }) =>
        new KubernetesClient({ config: { apiServer: `https://127.0.0.1:${port}`, accountDir: folder.path } }),
    );
    for (const client of clients) cleanups.defer('client', () => client.close());
    const ask = (client: KubernetesClient | undefined) =>
      client?.request({ path: '/', permission: 'nothing', signal }).then(text);
    expect(await ask(clients[0])).toBe('answer');
    await expect(ask(clients[1])).rejects.toMatchObject({ code: 'kubernetes_unavailable' });
    await writeFile(join(folder.path, 'ca.crt'), two.authority);
    expect(await ask(clients[1])).toBe('answer');
    await expect(ask(clients[0])).rejects.toMatchObject({ code: 'kubernetes_unavailable' });
  });

  it('sends a body with its type, and knows its namespace', async () => {
    const server = await startWatchServer();
    cleanups.defer('server', () => server.stop());
    const client = new KubernetesClient({ config: server.config });
    cleanups.defer('client', () => client.close());
    const seen: unknown[] = [];
    server.answer(async (response, { method, headers, body }) => {
      seen.push({ method, type: headers['content-type'], body: await body });
      response.end('{}');
    });
    const headers = { 'content-type': 'application/merge-patch+json' };
    const patch = {
      method: 'PATCH',
      path: '/pods/a',
      permission: 'patch of pods',
      headers,
      body: '{"a":1}',
    } as const;
    expect(await text(await client.request({ ...patch, signal }))).toBe('{}');
    expect(seen).toEqual([{ method: 'PATCH', type: 'application/merge-patch+json', body: '{"a":1}' }]);
    expect(await client.namespace()).toBe('builds');
  });
});
