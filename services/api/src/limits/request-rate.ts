import { SlipwayError } from '@slipway/shared/errors';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { RequestHandler, Response } from 'express';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { principalOf } from '../http/auth.js';
import type { Account } from '../tenants/account.js';
import { apiTokenId } from '../tenants/directory.js';

const windowSeconds = 60;

/** Counts requests of tenants that have a request limit, over all API processes. Other tenants cost nothing. */
export class RequestRate {
  readonly #redis: Redis;
  readonly #keys: Keys;
  /** Limiters by their limit; tenants with the same limit share one. */
  readonly #limiters = new Map<number, RateLimiterRedis>();

  constructor({ redis, keys }: { redis: Redis; keys: Keys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Counts a request, and reports the quota of the tenant in `RateLimit` and `RateLimit-Policy`
   * (draft-ietf-httpapi-ratelimit-headers-10). Throws `rate_limited`, or the error of Redis: without Redis no request could be
   * served.
   */
  async count({ name, settings: { limits } }: Account, res: Response): Promise<void> {
    const limit = limits.requests_per_minute;
    if (limit === undefined) return;
    const state = await this.#limiter(limit)
      .consume(this.#keys.requestRate(name))
      .catch((refusal: unknown) => {
        if (refusal instanceof RateLimiterRes) return refusal;
        throw refusal;
      });
    const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
    res.set('RateLimit-Policy', `"requests";q=${limit};w=${windowSeconds}`);
    res.set('RateLimit', `"requests";r=${state.remainingPoints};t=${seconds}`);
    if (state.consumedPoints <= limit) return;
    const detail = `${name} may send ${limit} requests a minute.`;
    throw new SlipwayError('rate_limited', detail, { retryAfter: seconds });
  }

  #limiter(points: number): RateLimiterRedis {
    const held = this.#limiters.get(points);
    if (held) return held;
    const made = new RateLimiterRedis({
      ...{ storeClient: this.#redis, points, duration: windowSeconds, keyPrefix: '' },
    });
    this.#limiters.set(points, made);
    return made;
  }
}

/**
 * Middleware; requires `requireToken`. The installation token is not counted: operators change limits with it, those of `default`
 * included. A limit that is too low must not lock them out.
 */
export const limitRequests =
  (rate: RequestRate): RequestHandler =>
  (_req, res, next) => {
    const { token, account } = principalOf(res);
    if (token === apiTokenId || account.settings.limits.requests_per_minute === undefined) return next();
    return rate.count(account, res).then(() => next());
  };
