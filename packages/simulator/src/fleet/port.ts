import { once } from 'node:events';
import { createServer } from 'node:net';

const lowest = 10_000;
const highest = 32_000;
const given = new Set<number>();

/**
 * A free TCP port of 127.0.0.1 below those that outgoing connections take, so that it is still free when a process
 * that was killed is started on it again. No port is given twice.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    } finally {
      server.close();
    }
  }
}
