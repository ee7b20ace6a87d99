import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createAuthority, startRegistry, temporaryFolder } from '@slipway/local';
import { errorRow } from '@slipway/shared/errors';
import { registryAnswers, startAnsweringRegistry } from '@slipway/shared/failures/testing';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openRepository } from './registry.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  return () => folder.remove();
});

const config = (dockerConfig = folder.path) => ({ insecureRegistries: [], dockerConfig, helperEnv: {} });
const index = { tag: '1', mediaType: 'application/vnd.oci.image.index.v1+json' };
const emptyIndex = JSON.stringify({ schemaVersion: 2, mediaType: index.mediaType, manifests: [] });

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a registry that refuses the index of the parts', () => {
  const refusals = registryAnswers.filter(
    // Without its words, a lost blob looks like a manifest that is wrong.
    ({ at, status, code }) => at.includes('put-manifest') && !(status === 400 && code === 'push_failed'),
  );

  it('is asked again only where that may help', async () => {
    const upstream = await startRegistry({ dir: join(folder.path, 'registry') });
    onTestFinished(() => upstream.stop());
    const answering = await startAnsweringRegistry({ upstream: upstream.host });
    onTestFinished(() => answering.stop());
    expect(refusals.length).toBeGreaterThan(10);
    for (const answer of refusals) {
      const image = `${answering.host}/${answering.repository(answer)}:1`;
      const repository = openRepository(image, config());
      const error = await repository.push(emptyIndex, index).catch((reason: unknown) => reason);
      const { code } = error as { code: Parameters<typeof errorRow>[0] };
      expect([answer.from, errorRow(code).retry]).toEqual([answer.from, errorRow(answer.code).retry]);
    }
  });

  it.each([
    [404, 'push_repository_missing'],
    [412, 'push_tag_immutable'],
    [413, 'push_too_large'],
    [400, 'push_rejected'],
    [405, 'push_rejected'],
    [200, 'push_rejected'],
    [403, 'push_unauthorized'],
    [429, 'push_rate_limited'],
    [503, 'push_failed'],
  ])('with %i: %s', async (status, code) => {
    const host = await listening(createServer((_req, res) => res.writeHead(status).end('<html></html>')));
    const repository = openRepository(`${host}/a/b:1`, config());
    await expect(repository.push(emptyIndex, index)).rejects.toMatchObject({ code });
  });

  it('with a web page in place of a manifest', async () => {
    const page = { 'content-type': 'text/html' };
    const host = await listening(createServer((_req, res) => res.writeHead(200, page).end('<html></html>')));
    const repository = openRepository(`${host}/a/b:1`, config());
    await expect(repository.manifest('1')).rejects.toMatchObject({ code: 'push_rejected' });
  });

  it('with an untrusted certificate', async () => {
    const { certFile, keyFile } = await (await createAuthority(folder.path)).issue('registry');
    const tls = { cert: await readFile(certFile), key: await readFile(keyFile) };
    const host = await listening(createTlsServer(tls, (_req, res) => res.end('{}')) as unknown as Server);
    // Under a name that the client does not take for plain http.
    const repository = openRepository(`${host.replace('127.0.0.1', '0.0.0.0')}/a/b:1`, config());
    await expect(repository.manifest('1')).rejects.toMatchObject({ code: 'registry_untrusted' });
  });
});
