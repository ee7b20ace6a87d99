import type { PoolState, ReplicaRegistry } from '@slipway/control-plane/replicas';
import { SlipwayError } from '@slipway/shared/errors';

interface KnownPoolsOptions {
  readonly registry: Pick<ReplicaRegistry, 'pools'>;
  /** Milliseconds, from any beginning. */
  readonly now: () => number;
}

/** Pools change when an operator changes them. */
const keptMs = 1_000;

/** The pools there are, looked up at most once a second, so that not every job asks for them. */
export class KnownPools {
  readonly #options: KnownPoolsOptions;
  #known: { readonly at: number; readonly pools: readonly PoolState[] } | undefined;

  constructor(options: KnownPoolsOptions) {
    this.#options = options;
  }

  /** Decides by the pools. Nothing is refused by what may have changed since: they are looked up again first. */
  async decide<T>(choose: (pools: readonly PoolState[]) => T): Promise<T> {
    const { now } = this.#options;
    if (this.#known && this.#known.pools.length > 0 && now() - this.#known.at < keptMs) {
      try {
        return choose(this.#known.pools);
      } catch (error) {
        if (!(error instanceof SlipwayError)) throw error;
      }
    }
    const pools = await this.#options.registry.pools();
    this.#known = { at: now(), pools };
    return choose(pools);
  }
}
