import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy that can send new connections to another port, like a host name or a load balancer after a failover. */
export interface RedisProxy {
  /** Starts to listen on a free port, which it returns. */
  open(target: number): Promise<number>;
  /** Sends new connections to another port. Open connections keep their port. */
  point(target: number): void;
  close(): void;
}

export function createRedisProxy(): RedisProxy {
  const sockets = new Set<Socket>();
  let port = 0;
  const server = createServer((client) => {
    const upstream = connect({ port, host: '127.0.0.1' });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  return {
    async open(target) {
      port = target;
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
      return address.port;
    },
    point(target) {
      port = target;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
