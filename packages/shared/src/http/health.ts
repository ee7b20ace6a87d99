import { type RequestHandler, Router } from 'express';
import type { Registry } from 'prom-client';
import { toProblem } from '../errors/index.js';
import { metricsRouter } from './metrics.js';

interface HealthOptions {
  /** Rejects with a coded error when the process should get no traffic. */
  readonly ready: () => Promise<void>;
  /** Returns problems of the process's setup, shown with its readiness. */
  readonly warnings?: () => readonly string[];
  /** Undefined if the metrics have a separate port. */
  readonly registry?: Registry;
  /** More paths that answer in the form of /readyz, each with its own check. */
  readonly readyPaths?: ReadyPaths;
}

/** Checks by path. Each rejects with a coded error, as `HealthOptions.ready` does. */
export type ReadyPaths = Readonly<Record<string, () => Promise<void>>>;

/** Returns a router for `/healthz` (liveness), `/readyz` (fails once draining) and `/metrics`. */
export function healthRouter({
  ready,
  registry,
  readyPaths = {},
  warnings = () => [],
}: HealthOptions): Router {
  const notes = () => {
    const all = warnings();
    return all.length === 0 ? {} : { warnings: all };
  };
  const router = Router();
  router.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' });
  });
  const answer =
    (check: () => Promise<void>): RequestHandler =>
    async (_req, res) => {
      try {
        await check();
        res.json({ status: 'ready', ...notes() });
      } catch (error) {
        const { status, code, detail } = toProblem(error);
        res.status(status === 500 ? 503 : status).json({ status: 'not_ready', code, detail, ...notes() });
      }
    };
  // Separate routes, because requests are measured by the path of their route.
  for (const [path, check] of Object.entries({ '/readyz': ready, ...readyPaths }))
    router.get(path, answer(check));
  if (registry) router.use(metricsRouter(registry));
  return router;
}
