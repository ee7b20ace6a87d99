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
 * Lets pages of other origins call the API, exactly those that are named (the Fetch standard, CORS protocol). Never with
 * credentials of the browser: there are none, for a token is in a header that the page itself sets.
 */
export function cors({ origins }: CorsOptions): RequestHandler {
  const known = new Set(origins);
  return (req, res, next) => {
    res.vary('Origin');
    const { origin } = req.headers;
    if (origin === undefined || !known.has(origin)) return next();
    res.setHeader('Access-Control-Allow-Origin', origin);
    res.setHeader('Access-Control-Expose-Headers', answerHeaders);
    // What is allowed to another origin is not withheld from it.
    res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return next();
    res.setHeader('Access-Control-Allow-Methods', methods);
    res.setHeader('Access-Control-Allow-Headers', requestHeaders);
    res.setHeader('Access-Control-Max-Age', maxAgeSeconds);
    res.status(204).end();
  };
}

/** `CORS_ORIGINS`: comma-separated origins. */
export function parseOrigins(text: string): string[] {
  const origins = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const wrong = origins.find((origin) => !isOrigin(origin));
  if (wrong !== undefined) {
    throw new Error(
      `must hold origins as browsers say them, like https://ci.example or http://host:8080, not '${wrong}'`,
    );
  }
  return origins;
}

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:';
  return isWeb && url.origin === text && !text.includes('*');
}
