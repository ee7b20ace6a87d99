import { pagePolicy } from '@slipway/shared/http';
import { type Request, type Response, Router } from 'express';
import type { SiteFile } from './site.js';

/** Routes of the dashboard. A direct request for one of them returns the page. */
export const dashboardPages: readonly string[] = [
  '/',
  '/fleet',
  '/batches',
  '/batches/:id',
  '/jobs',
  '/jobs/:id',
  '/functions',
  '/functions/rebuild',
  '/functions/:namespace/:name',
  '/webhooks',
  '/webhooks/:id',
  '/deliveries/:id',
];

const yearSeconds = 365 * 24 * 3600;

/**
 * Serves the files of the dashboard, and its page at each of the dashboard's routes. A browser that goes to another address receives the page with the status 404,
 * which says that nothing is there. Other requests pass.
 */
export function dashboardRouter(site: ReadonlyMap<string, SiteFile>): Router {
  const router = Router();
  const page = site.get('/index.html');
  if (page) router.get([...dashboardPages], (req, res) => send(req, res, page));
  for (const [path, file] of site) {
    if (file !== page) router.get(path, (req, res) => send(req, res, file));
  }
  if (page) {
    router.get('/*path', (req, res, next) => {
      if (req.accepts(['json', 'html']) !== 'html') return next();
      send(req, res.status(404), page);
    });
  }
  return router;
}

function send(req: Request, res: Response, { type, plain, gzip, brotli, immutable }: SiteFile): void {
  // Browsers list gzip first but accept brotli, which is smaller.
  const encoding = ['br', 'gzip'].find((name) => req.acceptsEncodings(name));
  const packed = encoding === 'br' ? brotli : encoding === 'gzip' ? gzip : undefined;
  res.set({
    'Content-Type': type,
    'Cache-Control': immutable ? `public, max-age=${yearSeconds}, immutable` : 'no-cache',
    'Content-Security-Policy': pagePolicy(),
    ...(encoding !== undefined && { 'Content-Encoding': encoding }),
  });
  res.vary('Accept-Encoding');
  // Adds an ETag, and answers 304 to clients that have the file.
  res.send(packed ?? plain);
}
