import express, { type Router } from 'express';
import type { Component } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { notFoundHandler, problemHandler } from './problems.js';
import { securityHeaders } from './security-headers.js';
import { httpServer } from './server.js';
import { defaultHttpSettings, type HttpSettings } from './settings.js';

interface HealthServerOptions {
  readonly port: number;
  readonly host?: string | undefined;
  /** The router that `healthRouter` returns. */
  readonly router: Router;
  readonly logger: Logger;
  readonly onCertificate?: (pem: string) => void;
  readonly settings?: HttpSettings;
}

/** Health checks are short, so a long request is not one. */
const bounds = {
  headersTimeoutMs: 5_000,
  keepAliveTimeoutMs: 5_000,
  maxConnections: 256,
  maxConnectionsPerNetwork: 64,
};

/** Returns a server for health checks on a separate port, which clients of the service's port cannot fill. */
export function healthServer(options: HealthServerOptions): Component {
  const { router, settings = defaultHttpSettings, ...server } = options;
  const app = express();
  app.disable('x-powered-by');
  app.use(securityHeaders, router, notFoundHandler, problemHandler(server.logger));
  return httpServer({ name: 'health', app, ...server, settings: { ...settings, ...bounds } });
}
