import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import type { Express } from 'express';
import { ConfigError } from '../config/fields.js';
import type { Component } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { createBoundedServer } from './create-server.js';
import { defaultHttpSettings, type HttpSettings } from './settings.js';

export interface HttpServerOptions {
  readonly name: string;
  readonly app: Express;
  readonly port: number;
  /** The address to listen on; undefined means all. */
  readonly host?: string | undefined;
  readonly logger: Logger;
  /** Receives the bound port, which differs from a configured port of 0. */
  readonly onListening?: (port: number) => void;
  /** Called once when the server must stop, before it waits for running requests. */
  readonly onStop?: () => void;
  /**
   * Milliseconds for which a stopping server still answers, or until no client is connected. A client with an idle connection then
   * learns of the stop from an answer, instead of a closed connection under its next request. Default 0.
   */
  readonly lingerMs?: number;
  /** Receives, with TLS, each new server certificate in PEM. */
  readonly onCertificate?: (pem: string) => void;
  /** Returns true for the address of a trusted proxy with many clients. */
  readonly isProxy?: (address: string) => boolean;
  /** Timeouts, limits and TLS; undefined means the defaults. */
  readonly settings?: HttpSettings;
}

/**
 * Returns an HTTP server as a component. A stopping server accepts no new connection, finishes running requests, and closes
 * connections as they become idle.
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
        server.once('error', (error) => reject(listenError(error, name)));
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
        // Polls, because a connection that becomes idle now would otherwise stay open for its next request.
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

/** The settings of ports, by the names of servers. */
const portSettings: Readonly<Record<string, string>> = {
  http: 'PORT',
  metrics: 'METRICS_PORT',
  health: 'HEALTH_PORT',
};

/** Returns a `ConfigError` that names the setting if the port or the address cannot be used; otherwise the error itself. */
function listenError(error: NodeJS.ErrnoException, name: string): Error {
  const { code = '', message } = error;
  const isPort = ['EADDRINUSE', 'EACCES'].includes(code);
  const isHost = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EAI_AGAIN', 'EINVAL', 'ENOTFOUND'].includes(code);
  if (!isPort && !isHost) return error;
  const setting = isPort ? (portSettings[name] ?? name) : 'BIND_HOST';
  return new ConfigError(`${setting} cannot be used: ${message}`, { cause: error });
}

/**
 * Returns the connections that have had no request yet, such as a browser's spare ones. Node.js does not count them as idle, and
 * would wait for them.
 */
function unusedConnections(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  // With TLS, requests arrive on the socket above the connection's own.
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
