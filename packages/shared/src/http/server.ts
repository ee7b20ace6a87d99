import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import type { Component } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';

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
  /** For server-wide settings (time-outs). */
  readonly configure?: (server: Server) => void;
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
      const server = createServer(app);
      options.configure?.(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port: options.port, ...(options.host !== undefined && { host: options.host }) }, () =>
          resolve(),
        );
      });
      const { port } = server.address() as AddressInfo;
      logger.info({ component: name, port }, 'listening');
      options.onListening?.(port);
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      options.onStop?.();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
  };
}
