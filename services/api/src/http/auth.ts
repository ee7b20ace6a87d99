import type { Scope } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { clientNetwork } from '@slipway/shared/http';
import type { RequestHandler, Response } from 'express';
import type { FailedTokens } from '../limits/failed-tokens.js';
import type { Account } from '../tenants/account.js';
import type { Directory, Principal } from '../tenants/directory.js';
import { watchToken } from '../tenants/watch-token.js';
import { closedSignal } from './connection.js';

interface TokenDeps {
  readonly directory: Pick<Directory, 'principal' | 'onChange'>;
  readonly failedTokens: FailedTokens;
}

/** Admits requests with a valid token (RFC 6750). */
export function requireToken({ directory, failedTokens }: TokenDeps): RequestHandler {
  return async (req, res, next) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
    if (given === undefined) throw new SlipwayError('unauthorized');
    const principal = await failedTokens.check({
      network: () => clientNetwork(req),
      signal: () => closedSignal(res),
      lookUp: () => directory.principal(given),
    });
    res.locals.principal = principal;
    res.locals.tokenEnd = () => watchToken({ directory, token: given, res });
    next();
  };
}

/** Returns the sender of the request; requires `requireToken`. */
export const principalOf = (res: Response): Principal => res.locals.principal as Principal;

/** Returns a signal that aborts when the token of the request becomes invalid. Streamed answers end then. */
export const tokenEnd = (res: Response): AbortSignal => (res.locals.tokenEnd as () => AbortSignal)();

/** Returns the account of the sender. */
export const accountOf = (res: Response): Account => principalOf(res).account;

/**
 * Returns true if a token with the held scopes may do an operation that needs the given one. Write includes read, and `admin`
 * includes every scope.
 */
export function allows(held: readonly Scope[], needed: Scope): boolean {
  if (held.includes('admin') || held.includes(needed)) return true;
  const [area, verb] = needed.split(':');
  return verb === 'read' && held.some((scope) => scope.startsWith(`${area}:`));
}

/** Throws `forbidden` for a token that lacks the scope. */
export function requireScope(res: Response, needed: Scope): void {
  if (allows(principalOf(res).scopes, needed)) return;
  throw new SlipwayError('forbidden', `The token needs the scope ${needed}.`);
}
