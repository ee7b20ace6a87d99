import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Fault = (req: IncomingMessage, res: ServerResponse) => void;

function answer(status: number, code: string, headers: Record<string, string> = {}): Fault {
  return (_req, res) => {
    res.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    res.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
  };
}

/** The first part of a repository's name says how the registry fails. */
const faults: Readonly<Record<string, Fault>> = {
  limited: answer(429, 'TOOMANYREQUESTS', { 'Retry-After': '0' }),
  broken: answer(500, 'UNKNOWN'),
  denied: answer(403, 'DENIED'),
  locked: answer(401, 'UNAUTHORIZED', { 'WWW-Authenticate': 'Basic realm="test"' }),
  missing: answer(404, 'MANIFEST_UNKNOWN'),
  cut: (req) => req.socket.destroy(),
};

export interface FaultyRegistry {
  readonly host: string;
  /** The URLs that clients have asked for. */
  readonly requests: readonly string[];
  stop(): Promise<void>;
}

/** A registry on 127.0.0.1 that fails in the way that the name of an image asks for. */
export async function startFaultyRegistry(): Promise<FaultyRegistry> {
  const requests: string[] = [];
  const server = createServer((req, res) => {
    requests.push(req.url ?? '');
    req.resume();
    const name = /^\/v2\/([^/]+)\//.exec(req.url ?? '')?.[1];
    if (req.url === '/v2/') res.end('{}');
    else (faults[name ?? ''] ?? answer(404, 'NAME_UNKNOWN'))(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    requests,
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
