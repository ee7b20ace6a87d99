import { SlipwayError } from '@slipway/shared/errors';
import { tokenHash } from '@slipway/shared/tenants';
import { LRUCache } from 'lru-cache';
import { Tally } from './tally.js';

/** So many wrong tokens an address may send a minute, to each API process. */
const perMinute = 30;
const minuteMs = 60_000;
const knownForMs = 3_600_000;

/**
 * Bounds how fast tokens can be guessed. Once too many from an address were wrong, none is looked at that was not found right before: whoever works behind the
 * same proxy goes on, and who guesses does not learn whether one was right.
 */
export class FailedTokens {
  readonly #failures = new Tally({ limit: perMinute, windowMs: minuteMs });
  readonly #known = new LRUCache<string, true>({ max: 10_000, ttl: knownForMs });

  /** Throws `too_many_failures` for a token that may not be looked at now. */
  check(network: () => string, token: string): void {
    if (this.#failures.empty) return;
    const waitMs = this.#failures.fullForMs(network());
    if (waitMs === 0 || this.#known.has(tokenHash(token))) return;
    throw new SlipwayError('too_many_failures', undefined, { retryAfter: Math.ceil(waitMs / 1_000) });
  }

  /** Notes what came of looking at it. */
  seen(network: () => string, token: string, valid: boolean): void {
    if (valid) this.#known.set(tokenHash(token), true);
    else this.#failures.add(network());
  }
}
