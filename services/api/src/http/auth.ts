import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import type { Tenant } from '@slipway/shared/jobs';
import type { RequestHandler, Response } from 'express';

/** Who holds a token. */
export interface Principal {
  readonly tenant: Tenant;
  /** May drain and resume builders. */
  readonly admin: boolean;
}

export interface TokenHolder extends Principal {
  readonly token: Secret;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** Lets a request pass that carries one of the tokens (RFC 6750). Compares hashes, each in constant time, all of them. */
export function requireToken(holders: readonly TokenHolder[]): RequestHandler {
  const known = holders.map(({ token, ...principal }) => ({ hash: sha256(token.reveal()), principal }));
  return (req, res, next) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
    if (given === undefined) throw new SlipwayError('unauthorized');
    const hash = sha256(given);
    const [found] = known.filter((holder) => timingSafeEqual(holder.hash, hash));
    if (!found) throw new SlipwayError('unauthorized', 'The bearer token is not valid.');
    res.locals.principal = found.principal;
    next();
  };
}

/** Who sent the request; only behind `requireToken`. */
export const principalOf = (res: Response): Principal => res.locals.principal as Principal;

/** Throws `forbidden` for who may not run the fleet. */
export function requireAdmin(res: Response): void {
  if (!principalOf(res).admin)
    throw new SlipwayError('forbidden', 'Only the token of the installation allows this.');
}
