import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Receiver {
  readonly url: string;
  /** Message ids, as they came. */
  readonly ids: readonly string[];
  close(): void;
}

/** A receiver of webhooks that fails its first request. */
export async function startReceiver(): Promise<Receiver> {
  const ids: string[] = [];
  const server = createServer(async (req, res) => {
    await req.toArray();
    ids.push(String(req.headers['webhook-id']));
    const away = ids.length === 1;
    res
      .writeHead(away ? 500 : 204, { 'content-type': 'text/plain' })
      .end(away ? 'the database is away' : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    ids,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
