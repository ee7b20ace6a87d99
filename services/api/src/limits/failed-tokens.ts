import { SlipwayError } from '@slipway/shared/errors';
import { FairShare } from '../http/fair-share.js';
import { WindowLimit } from './window-limit.js';

/** Limit of wrong tokens per network and minute, in each API process. Beyond it the error code changes. */
const perMinute = 30;
const minuteMs = 60_000;
/** Limits of concurrent lookups for networks beyond the limit: all of them together, and one network. */
const lookUps = { total: 16, perTenant: 4 };

interface TokenCheck<T> {
  /** Returns the network of the client; called only when needed. */
  readonly network: () => string;
  /** Returns a signal that aborts when the client disconnects; called only when the token has to wait. */
  readonly signal: () => AbortSignal;
  /** Resolves with the result for a right token; undefined for a wrong token. */
  readonly lookUp: () => Promise<T | undefined>;
}

/**
 * Counts wrong tokens by network. A token is looked up first, so that wrong tokens from the same address, as behind one proxy, never
 * block a right token. Networks beyond the limit share a few lookups at a time, and wait for each other. Redis keeps its capacity
 * for all other clients.
 */
export class FailedTokens {
  readonly #failures = new WindowLimit({ limit: perMinute, windowMs: minuteMs });
  readonly #turns = new FairShare(lookUps);

  /**
   * Returns the result of the lookup for a right token. Throws `unauthorized` for a wrong token, and `too_many_failures` beyond the
   * limit.
   */
  async check<T>(options: TokenCheck<T>): Promise<T> {
    const { network, lookUp } = options;
    const isBeyond = !this.#failures.empty && this.#failures.fullForMs(network()) > 0;
    const found = isBeyond ? await this.#inTurn(options) : await lookUp();
    if (found !== undefined) return found;
    const waitMs = this.#failures.fullForMs(network());
    if (waitMs > 0) {
      throw new SlipwayError('too_many_failures', undefined, { retryAfter: Math.ceil(waitMs / 1_000) });
    }
    this.#failures.add(network());
    throw new SlipwayError('unauthorized', 'The bearer token is not valid.');
  }

  async #inTurn<T>({ network, signal, lookUp }: TokenCheck<T>): Promise<T | undefined> {
    // The client disconnected, so the answer does not matter.
    const giveBack = await this.#turns
      .take({ tenant: network(), amount: 1, signal: signal() })
      .catch((cause: unknown) => {
        throw new SlipwayError('unauthorized', 'The client went away.', { cause });
      });
    try {
      return await lookUp();
    } finally {
      giveBack();
    }
  }
}
