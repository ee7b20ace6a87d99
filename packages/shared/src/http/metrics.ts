import express, { Router } from 'express';
import type { Registry } from 'prom-client';
import type { Component } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { notFoundHandler, problemHandler } from './problems.js';
import { httpServer } from './server.js';

/** `GET /metrics` in the text format of Prometheus. */
export function metricsRouter(registry: Registry): Router {
  const router = Router();
  router.get('/metrics', async (_req, res) => {
    res.type(registry.contentType).send(await registry.metrics());
  });
  return router;
}

/** The metrics on a port of their own. */
export function metricsServer(options: { port: number; registry: Registry; logger: Logger }): Component {
  const app = express();
  app.disable('x-powered-by');
  app.use(metricsRouter(options.registry), notFoundHandler, problemHandler(options.logger));
  return httpServer({ name: 'metrics', app, port: options.port, logger: options.logger });
}
