import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import type { RequestHandler } from 'express';

const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** Lets a request pass that carries the token (RFC 6750). Compares hashes, in constant time. */
export function requireToken(token: Secret): RequestHandler {
  const expected = sha256(token.reveal());
  return (req, _res, next) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
    if (given === undefined || !timingSafeEqual(sha256(given), expected)) {
      throw new SlipwayError(
        'unauthorized',
        given === undefined ? undefined : 'The bearer token is not valid.',
      );
    }
    next();
  };
}
