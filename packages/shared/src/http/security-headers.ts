import type { RequestHandler } from 'express';

/** Of answers that are data: a browser that is brought to show one runs and loads nothing. */
const dataPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/**
 * The Content-Security-Policy of pages: scripts and connections of the own origin alone, nothing inline, in no frame. With
 * `inlineStyles` elements of style are let through, for pages whose makers need them.
 */
export const pagePolicy = ({ inlineStyles = false } = {}): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self'${inlineStyles ? " 'unsafe-inline'" : ''}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
  ].join('; ');

const yearSeconds = 365 * 24 * 3600;

/**
 * What browsers are told with every answer. Routes that answer with pages replace the policy by `pagePolicy`. By hand, as
 * it is a list of constants: helmet would set a dozen more, most of which say what browsers do anyway.
 */
export const securityHeaders: RequestHandler = (req, res, next) => {
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.setHeader('Content-Security-Policy', dataPolicy);
  res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  // Over plain HTTP browsers ignore it, and a proxy before us may speak TLS for other hosts.
  if (req.secure) res.setHeader('Strict-Transport-Security', `max-age=${yearSeconds}`);
  next();
};

/** For answers that may hold tokens, secrets or what is one tenant's: no cache keeps them. */
export const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader('Cache-Control', 'no-store');
  next();
};
