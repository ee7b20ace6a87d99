import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy before an S3 server that can answer for it: 503 SlowDown to every request. */
export interface RefusingProxy {
  readonly port: number;
  /** Ends the open connections. Answers each new one with a refusal, until `pass`. */
  refuse(): void;
  /** Ends the open connections. Passes new ones to the server. */
  pass(): void;
  close(): void;
}

const body =
  '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';
const refusal = [
  'HTTP/1.1 503 Slow Down',
  'content-type: application/xml',
  `content-length: ${body.length}`,
  'connection: close',
  '',
  body,
].join('\r\n');

export async function startRefusingProxy(target: number): Promise<RefusingProxy> {
  const sockets = new Set<Socket>();
  let refuses = false;
  const keep = (socket: Socket, other: Socket | undefined) => {
    sockets.add(socket);
    socket.on('error', () => other?.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      other?.destroy();
    });
  };
  const server = createServer((client) => {
    if (refuses) {
      keep(client, undefined);
      client.once('data', () => client.end(refusal));
      // The rest of a request body is read, because unread bytes would reset the connection before its answer arrives.
      client.resume();
      return;
    }
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    keep(client, upstream);
    keep(upstream, client);
    client.pipe(upstream);
    upstream.pipe(client);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    refuse() {
      refuses = true;
      cut();
    },
    pass() {
      refuses = false;
      cut();
    },
    close() {
      server.close();
      cut();
    },
  };
}
