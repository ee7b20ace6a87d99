import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority } from '@slipway/local';

/** Starts a registry with an untrusted certificate, under an address of this machine that BuildKit does not treat as loopback. */
export async function startSelfSignedRegistry(
  folder: string,
): Promise<{ host: string; stop(): Promise<void> }> {
  const { certFile, keyFile } = await (await createAuthority(folder)).issue('registry');
  const tls = { cert: await readFile(certFile), key: await readFile(keyFile) };
  const server = createServer(tls, (_req, res) => res.end('{}'));
  // A client that does not trust the certificate breaks off.
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `0.0.0.0:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
