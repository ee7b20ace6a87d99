import { createServer } from 'node:http';
import { publicAddress } from './addresses.js';

/** A server on every address of its network that counts connections by address. */
export interface Trap {
  readonly port: number;
  /** Connections to forbidden addresses, by address. */
  readonly caught: ReadonlyMap<string, number>;
  /** Messages that came to the public address, by path. */
  readonly arrived: ReadonlyMap<string, number>;
  stop(): void;
}

/** Starts the trap. It redirects requests for `redirect.test` to a private address. */
export async function startTrap(port: number): Promise<Trap> {
  const caught = new Map<string, number>();
  const arrived = new Map<string, number>();
  const add = (counts: Map<string, number>, what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  const server = createServer((req, res) => {
    add(arrived, req.url ?? '');
    const moved = req.headers.host?.startsWith('redirect.test');
    if (moved) res.writeHead(307, { location: `http://10.0.0.7:${port}/moved` }).end();
    else res.writeHead(204).end();
    req.resume();
  });
  server.on('connection', ({ localAddress = '' }) => {
    const address = localAddress.replace(/^::ffff:/, '');
    if (address !== publicAddress) add(caught, address);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '::', resolve);
  });
  return {
    port,
    caught,
    arrived,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
