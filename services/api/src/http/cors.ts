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

/** Parses `CORS_ORIGINS`: comma-separated origins. */
export function parseOrigins(text: string): string[] {
  const origins = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const wrong = origins.find((origin) => !isOrigin(origin));
  if (wrong !== undefined) {
    throw new Error(
      `must hold origins as browsers send them, like https://ci.example or http://host:8080, not '${wrong}'`,
    );
  }
  return origins;
}

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:';
  return isWeb && url.origin === text && !text.includes('*');
}
