import { builderFeatures, engineHeader, featuresHeader } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { healthRouter, notFoundHandler, problemHandler, securityHeaders } from '@slipway/shared/http';
import type { Registry } from '@slipway/shared/metrics';
import express, { type Express } from 'express';
import { type BuildRouteOptions, buildRoute } from './build-route.js';
import { publicKeyRoute } from './public-key-route.js';

interface AppOptions extends BuildRouteOptions {
  /** Rejects, with a coded error, when a build could not be taken now. */
  readonly ready: () => Promise<void>;
  /** Warnings about dangerous settings. Readiness lists them too. */
  readonly warnings: readonly string[];
  /** Left out where the metrics have a port of their own. */
  readonly registry?: Registry;
}

/** The HTTP face of the builder. */
export function createApp(options: AppOptions): Express {
  const { ready, warnings, registry, logger, keyRing, engine } = options;
  const app = express().disable('x-powered-by');
  app.use(securityHeaders);
  app.use((_req, res, next) => {
    res.set({ [engineHeader]: engine.name, [featuresHeader]: builderFeatures.join(',') });
    next();
  });
  app.use(
    healthRouter({
      ready,
      readyAliases: ['/ready'],
      warnings: () => warnings ?? [],
      ...(registry && { registry }),
    }),
  );
  app.post('/build', buildRoute(options));
  app.all('/build', (_req, res) => {
    res.set('Allow', 'POST');
    throw new SlipwayError('method_not_allowed');
  });
  app.get('/publickey', publicKeyRoute(keyRing));
  app.use(notFoundHandler);
  app.use(problemHandler(logger));
  return app;
}
