import express, { Router } from 'express';
import type { Registry } from 'prom-client';
import type { Component } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { notFoundHandler, problemHandler } from './problems.js';
import { securityHeaders } from './security-headers.js';
import { httpServer } from './server.js';
import type { HttpSettings } from './settings.js';

/** Returns a router for `GET /metrics` in the text format of Prometheus. */
export function metricsRouter(registry: Registry): Router {
  const router = Router();
  router.get('/metrics', async (_req, res) => {
    res.type(registry.contentType).send(await registry.metrics());
  });
  return router;
}

interface MetricsServerOptions {
  readonly port: number;
  readonly host?: string | undefined;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly onCertificate?: (pem: string) => void;
  readonly settings?: HttpSettings;
}

/** Returns a server for the metrics on a separate port. */
export function metricsServer({ registry, ...server }: MetricsServerOptions): Component {
  const app = express();
  app.disable('x-powered-by');
  app.use(securityHeaders, metricsRouter(registry), notFoundHandler, problemHandler(server.logger));
  return httpServer({ name: 'metrics', app, ...server });
}
