import type { PoolRegistry, PoolState } from '@slipway/control-plane/replicas';
import { SlipwayError } from '@slipway/shared/errors';

interface KnownPoolsOptions {
  readonly registry: Pick<PoolRegistry, 'list'>;
  /** Returns monotonic milliseconds. */
  readonly now: () => number;
}

/** Milliseconds for which the pools are cached. They change only when an operator changes them. */
const keptMs = 1_000;

/** Caches the pools for a second, so that not every job reads them from Redis. */
export class KnownPools {
  readonly #options: KnownPoolsOptions;
  #known: { readonly at: number; readonly pools: readonly PoolState[] } | undefined;

  constructor(options: KnownPoolsOptions) {
    this.#options = options;
  }

  /** Returns the decision of `choose` about the pools. If it throws on cached pools, the pools are read again first. */
  async decide<T>(choose: (pools: readonly PoolState[]) => T): Promise<T> {
    const { now } = this.#options;
    if (this.#known && this.#known.pools.length > 0 && now() - this.#known.at < keptMs) {
      try {
        return choose(this.#known.pools);
      } catch (error) {
        if (!(error instanceof SlipwayError)) throw error;
      }
    }
    const pools = await this.#options.registry.list();
    this.#known = { at: now(), pools };
    return choose(pools);
  }
}
