import { SlipwayError } from '@slipway/shared/errors';
import { FairShare } from '../http/fair-share.js';
import { Tally } from './tally.js';

/** Wrong tokens of one network in a minute, in each API process. Beyond it they are refused with another code. */
const perMinute = 30;
const minuteMs = 60_000;
/** Lookups at once for networks beyond the limit: all of them together, and one network. */
const lookUps = { total: 16, perTenant: 4 };

interface TokenCheck<T> {
  /** Where the request came from; only called when that matters. */
  readonly network: () => string;
  /** Aborted when the client goes away; only called when the token has to wait. */
  readonly signal: () => AbortSignal;
  /** Resolves with what the token stands for; undefined for a wrong token. */
  readonly lookUp: () => Promise<T | undefined>;
}

/**
 * Counts wrong tokens by network. A token is looked up first, so that a right token is never refused because of wrong tokens from its address, as
 * behind one proxy. Networks beyond the limit share a few lookups at a time: they wait for each other, and Redis has time for everybody else.
 */
export class FailedTokens {
  readonly #failures = new Tally({ limit: perMinute, windowMs: minuteMs });
  readonly #turns = new FairShare(lookUps);

  /** Returns what a right token stands for. Throws `unauthorized` for a wrong token, and `too_many_failures` beyond the limit. */
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
    // Nobody sees the answer to a client that went away.
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
