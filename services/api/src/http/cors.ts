import type { RequestHandler } from 'express';

interface CorsOptions {
  /** Scheme, host and port of pages that may call the API. */
  readonly origins: readonly string[];
}

const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const requestHeaders =
  'Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Build-Signature, X-Request-Id';
const answerHeaders =
  'ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, X-Slipway-Job';
const maxAgeSeconds = '600';

/**
 * Lets pages of the named origins call the API (CORS protocol of the Fetch standard). Never allows browser credentials: the page
 * itself sends the token in a header.
 */
export function cors({ origins }: CorsOptions): RequestHandler {
  const known = new Set(origins);
  return (req, res, next) => {
    res.vary('Origin');
    const { origin } = req.headers;
    if (origin === undefined || !known.has(origin)) return next();
    res.setHeader('Access-Control-Allow-Origin', origin);
    res.setHeader('Access-Control-Expose-Headers', answerHeaders);
    // An allowed origin may read the answer across origins.
    res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return next();
    res.setHeader('Access-Control-Allow-Methods', methods);
    res.setHeader('Access-Control-Allow-Headers', requestHeaders);
    res.setHeader('Access-Control-Max-Age', maxAgeSeconds);
    res.status(204).end();
  };
}
