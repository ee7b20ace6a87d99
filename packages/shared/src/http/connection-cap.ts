import type { Server, Socket } from 'node:net';
import type { Logger } from '../logger/index.js';
import { networkOf, plainAddress } from './network.js';

interface CapOptions {
  readonly server: Server;
  /** Connections of one network at once. */
  readonly perNetwork: number;
  /** Whether an address is of a proxy that many clients are behind: only the bound of all connections counts for it. */
  readonly isProxy?: ((address: string) => boolean) | undefined;
  readonly logger: Logger;
}

const warnEveryMs = 60_000;

/** Closes connections of a network beyond its cap as they come, so that one network cannot take all connections of a server. */
export function capConnections({ server, perNetwork, isProxy, logger }: CapOptions): void {
  const open = new Map<string, number>();
  let warnedMs = Number.NEGATIVE_INFINITY;
  // Before HTTP or TLS attach to the connection.
  server.prependListener('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    // The client is gone already.
    if (remoteAddress === undefined || isProxy?.(plainAddress(remoteAddress))) return;
    const network = networkOf(remoteAddress);
    const count = (open.get(network) ?? 0) + 1;
    if (count > perNetwork) {
      if (performance.now() - warnedMs > warnEveryMs) {
        warnedMs = performance.now();
        logger.warn(
          { network, connections: perNetwork },
          'a network has as many connections as it may, further ones are closed',
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
