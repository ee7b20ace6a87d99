import { randomUUID } from 'node:crypto';
import { builderFeatures, engineHeader, featuresHeader, instanceHeader } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { notFoundHandler, problemHandler, securityHeaders } from '@slipway/shared/http';
import { sealingAlgorithm } from '@slipway/shared/sealing';
import express, { type Express, type RequestHandler, type Router } from 'express';
import type { KeyRing } from '../secrets/key-ring.js';
import { buildCalls } from './build-calls.js';
import { type BuildRouteOptions, buildRoute } from './build-route.js';

interface AppOptions extends BuildRouteOptions {
  readonly health: Router;
}

/** The HTTP face of the builder. */
export function createApp(options: AppOptions): Express {
  const { health, logger, keyRing, engine, attachable } = options;
  const app = express().disable('x-powered-by');
  app.use(securityHeaders);
  const features = builderFeatures.filter((name) => name !== 'attachable-builds' || attachable);
  const fixed = { [featuresHeader]: features.join(','), [instanceHeader]: randomUUID() };
  app.use((_req, res, next) => {
    res.set(fixed).set(engineHeader, engine.reported ?? 'unknown');
    next();
  });
  app.use(health);
  app.post('/build', buildRoute(options));
  app.all('/build', (_req, res) => {
    res.set('Allow', 'POST');
    throw new SlipwayError('method_not_allowed');
  });
  if (attachable) app.use(buildCalls({ ...options, ...attachable }));
  app.get('/publickey', publicKeyRoute(keyRing));
  app.use(notFoundHandler);
  app.use(problemHandler(logger));
  return app;
}

/** `GET /publickey` of the Function Builder API: the key to seal build secrets with. */
function publicKeyRoute(keyRing: KeyRing | undefined): RequestHandler {
  return (_req, res) => {
    if (!keyRing) throw new SlipwayError('not_found', 'This builder has no key for build secrets.');
    const { keyId, publicKey } = keyRing.current;
    res.json({ key_id: keyId, algorithm: sealingAlgorithm, public_key: publicKey });
  };
}
