import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import type { Express } from 'express';
import type { Component } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { createBoundedServer } from './create-server.js';
import { defaultHttpSettings, type HttpSettings } from './settings.js';

interface HttpServerOptions {
  readonly name: string;
  readonly app: Express;
  readonly port: number;
  /** The address to listen on; undefined means all. */
  readonly host?: string | undefined;
  readonly logger: Logger;
  /** Told the port that was really bound, which matters for port 0. */
  readonly onListening?: (port: number) => void;
  /** Told once when it is to stop, before it waits for the requests in hand. */
  readonly onStop?: () => void;
  /**
   * Milliseconds that it goes on answering once it is to stop, or until nobody is connected any more: a client whose
   * connection was idle is then told, instead of having the connection closed under its next request. Default 0.
   */
  readonly lingerMs?: number;
  /** Told, with TLS, the certificate in PEM that clients are shown from now on. */
  readonly onCertificate?: (pem: string) => void;
  /** Whether an address is of a trusted proxy, which many clients are behind. */
  readonly isProxy?: (address: string) => boolean;
  /** Time-outs, bounds and TLS; the usual ones when left out. */
  readonly settings?: HttpSettings;
}

/**
 * An HTTP server as a component. When stopped it takes no new connection, finishes the requests in hand,
 * and closes connections as they fall idle.
 */
export function httpServer(options: HttpServerOptions): Component {
  const { name, app, logger } = options;
  return {
    name,
    async run(signal) {
      const { settings = defaultHttpSettings } = options;
      const { onCertificate, isProxy } = options;
      const bounded = { listener: app, settings, logger, onCertificate, isProxy };
      const { server, close } = await createBoundedServer(bounded);
      const unused = unusedConnections(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port: options.port, ...(options.host !== undefined && { host: options.host }) }, () =>
          resolve(),
        );
      });
      const { port } = server.address() as AddressInfo;
      logger.info({ component: name, port, tls: settings.tls !== undefined }, 'listening');
      options.onListening?.(port);
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      options.onStop?.();
      await linger(server, options.lingerMs ?? 0);
      await new Promise<void>((resolve) => {
        // Again and again: a connection whose answer ends now is idle, and would be kept open for its next request.
        const closing = setInterval(() => server.closeIdleConnections(), closingPollMs);
        server.close(() => {
          clearInterval(closing);
          resolve();
        });
        server.closeIdleConnections();
        for (const socket of unused) socket.destroy();
      });
      close();
    },
  };
}

/** Connections without a request so far, as browsers keep in reserve: Node does not count them as idle, and would wait for them. */
function unusedConnections(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  // With TLS, requests come on the socket above the connection's own.
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.prependListener('request', ({ socket }) => unused.delete(socket));
  return unused;
}

const lingerPollMs = 25;
const closingPollMs = 100;

async function linger(server: Server, ms: number): Promise<void> {
  server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
  const until = performance.now() + ms;
  while (performance.now() < until && (await connections(server)) > 0) await sleep(lingerPollMs);
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}
