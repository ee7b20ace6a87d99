import { hash, timingSafeEqual } from 'node:crypto';
import type { Fields } from '@slipway/shared/config';
import type { RequestHandler, Response } from 'express';

export interface RegistryEventsConfig {
  /** SHA-256 of the tokens that registries send their events with. Empty: no events are taken. */
  readonly registryEventsTokens: readonly Buffer[];
}

const tokenPattern = /^[A-Za-z0-9_-]{32,128}$/;
const maxTokens = 5;

export function registryEventsConfig(fields: Fields): RegistryEventsConfig {
  return {
    registryEventsTokens:
      fields.parsedSecret('REGISTRY_EVENTS_TOKENS', {
        doc: 'Tokens in the URL for [push events of registries](../bulk.md#push-events-of-registries), comma-separated, up to 5. Without one no events are taken',
        parse: parseTokens,
      }) ?? [],
  };
}

function parseTokens(text: string): Buffer[] {
  const tokens = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (tokens.length > maxTokens || !tokens.every((token) => tokenPattern.test(token)))
    throw new Error(`must hold up to ${maxTokens} tokens of 32 to 128 letters, digits, _ and -`);
  return tokens.map(hashOf);
}

const hashOf = (token: string) => hash('sha256', token, 'buffer');

/** Returns true if a token is among the tokens. Takes as long for each token. */
export function isRegistryToken(
  tokens: RegistryEventsConfig['registryEventsTokens'],
  token: string,
): boolean {
  const given = hashOf(token);
  // No early end: that would tell which of the tokens it is.
  return tokens.map((known) => timingSafeEqual(known, given)).includes(true);
}

/** Stands in for the token in the URL of a request. */
const hidden = '-';
const withToken = /(\/registry-events\/+)([^/?#]+)/gi;

/**
 * Takes the token out of the URL of a request, before anything can log the URL: the log, the audit log, traces and problems have `-` in its place.
 * `eventToken` returns it.
 */
export const hideEventToken: RequestHandler = (req, res, next) => {
  if (/\/registry-events\//i.test(req.originalUrl)) {
    const [, , token] = new RegExp(withToken.source, 'i').exec(req.originalUrl) ?? [];
    res.locals.eventToken = token;
    const { originalUrl } = req;
    req.url = req.url.replaceAll(withToken, `$1${hidden}`);
    req.originalUrl = originalUrl.replaceAll(withToken, `$1${hidden}`);
  }
  next();
};

/** Returns the token that was in the URL of the request; undefined for a URL without one. */
export const eventToken = (res: Response): string | undefined => res.locals.eventToken as string | undefined;

/** Returns a handler that leaves out push events of registries, which have a token of their own. */
export const exceptRegistryEvents =
  (handler: RequestHandler): RequestHandler =>
  (req, res, next) =>
    /^\/registry-events\/-\/?(?:\?|$)/i.test(req.url) ? next() : handler(req, res, next);
