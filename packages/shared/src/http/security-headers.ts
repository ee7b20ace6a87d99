import type { RequestHandler } from 'express';

/** The policy of answers that are data: a browser that displays one runs and loads nothing. */
const dataPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/**
 * Returns the Content-Security-Policy of pages: scripts and connections of the own origin only, nothing inline, and no frames.
 * `inlineStyles` allows style elements, for pages whose libraries need them.
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
 * Sets the security headers of every answer. Routes that answer with pages replace the policy by `pagePolicy`. A plain list of
 * constants replaces helmet, which would set a dozen more headers that mostly state browser defaults.
 */
export const securityHeaders: RequestHandler = (req, res, next) => {
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.setHeader('Content-Security-Policy', dataPolicy);
  res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  // Browsers ignore it over plain HTTP, and a proxy in front may serve other hosts over TLS.
  if (req.secure) res.setHeader('Strict-Transport-Security', `max-age=${yearSeconds}`);
  next();
};

/** Sets headers that stop caches from keeping answers with tokens, secrets or tenant data. */
export const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader('Cache-Control', 'no-store');
  next();
};
