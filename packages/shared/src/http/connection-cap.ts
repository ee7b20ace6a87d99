import type { Server, Socket } from 'node:net';
import type { Logger } from '../logger/index.js';
import { networkOf, plainAddress } from './network.js';

interface CapOptions {
  readonly server: Server;
  /** Maximum of concurrent connections per network. */
  readonly perNetwork: number;
  /** Returns true for a proxy with many clients: only the limit of all connections applies to it. */
  readonly isProxy?: ((address: string) => boolean) | undefined;
  readonly logger: Logger;
}

const warnEveryMs = 60_000;

/** Closes new connections of a network beyond its cap, so that one network cannot use all connections of a server. */
export function capConnections({ server, perNetwork, isProxy, logger }: CapOptions): void {
  const open = new Map<string, number>();
  let warnedMs = Number.NEGATIVE_INFINITY;
  // Runs before HTTP or TLS attach to the connection.
  server.prependListener('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    // The client has disconnected.
    if (remoteAddress === undefined || isProxy?.(plainAddress(remoteAddress))) return;
    const network = networkOf(remoteAddress);
    const count = (open.get(network) ?? 0) + 1;
    if (count > perNetwork) {
      if (performance.now() - warnedMs > warnEveryMs) {
        warnedMs = performance.now();
        logger.warn(
          { network, connections: perNetwork },
          'a network reached its connection limit; closing further connections',
        );
      }
      socket.destroy();
      return;
    }
    open.set(network, count);
    socket.once('close', () => {
      const left = (open.get(network) ?? 1) - 1;
      if (left === 0) open.delete(network);
      else open.set(network, left);
    });
  });
}
