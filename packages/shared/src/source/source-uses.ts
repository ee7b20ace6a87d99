import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError } from '../errors/index.js';
import type { Keys, Redis } from '../redis/index.js';
import { sourceScript } from './lua.js';

/** What a source store needs to know of the uses of sources. */
export interface SourceClaims {
  /**
   * Whether the source is there (and counts as used now) or is to be written; `stored` or `release` follows then. Waits while
   * it is being removed; rejects with `source_busy` when that takes too long.
   */
  claim(digest: string, isThere: () => Promise<boolean>): Promise<'there' | 'write'>;
  stored(digest: string): Promise<void>;
  release(digest: string): Promise<void>;
  /** Notes a use. False when the source is being removed or was: it is to be looked for again, or written again. */
  touch(digest: string): Promise<boolean>;
}

/** For a store from which nobody removes sources. */
export const withoutClaims: SourceClaims = {
  claim: async (_digest, isThere) => ((await isThere()) ? 'there' : 'write'),
  stored: async () => undefined,
  release: async () => undefined,
  touch: async () => true,
};

/** Whoever has not written what it claimed after so long has died. */
const writeMs = 10 * 60_000;
const patienceMs = 15_000;
const askAgainMs = 20;

/** When each source was last used, so that what nobody uses can be removed while others come and go. See lua.ts. */
export class SourceUses implements SourceClaims {
  readonly #redis: Redis;
  readonly #keys: readonly string[];

  constructor({ redis, keys }: { redis: Redis; keys: Keys }) {
    this.#redis = redis;
    this.#keys = [
      keys.sourcesUsed,
      keys.sourcesRemoving,
      keys.sourcesRemoved,
      keys.sourcesPinned,
      keys.sourcesWriters,
    ];
  }

  async #run(...args: (string | number)[]): Promise<string[]> {
    return (await sourceScript.run(this.#redis, this.#keys, args)) as string[];
  }

  async claim(digest: string, isThere: () => Promise<boolean>): Promise<'there' | 'write'> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const [outcome] = await this.#run('claim', digest, (await isThere()) ? 1 : 0, writeMs);
      if (outcome === 'there' || outcome === 'write') return outcome;
      if (performance.now() > until) throw new SlipwayError('source_busy', undefined, { retryAfter: 60 });
      await sleep(askAgainMs);
    }
  }

  async stored(digest: string): Promise<void> {
    await this.#run('stored', digest);
  }

  async release(digest: string): Promise<void> {
    await this.#run('release', digest);
  }

  async touch(digest: string): Promise<boolean> {
    return (await this.#run('touch', digest))[0] === 'ok';
  }

  /** Sources that have not been used for so long, the longest first, and what `condemn` is to be told. */
  async idle(forMs: number, limit: number): Promise<{ since: string; digests: string[] }> {
    const [since = '', ...digests] = await this.#run('idle', forMs, limit);
    return { since, digests };
  }

  /** Notes that these are referred to. */
  async keep(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await this.#run('keep', ...digests);
  }

  /** Takes out of use those that have not been used since `since`, and returns them. `gone` follows when their blobs are removed. */
  async condemn(since: string, digests: readonly string[]): Promise<string[]> {
    return digests.length === 0 ? [] : await this.#run('condemn', since, ...digests);
  }

  async gone(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await this.#run('gone', ...digests);
  }

  /** Takes over, some at a time, what was condemned so long ago by someone who has not removed it. */
  async abandoned(forMs: number, limit: number): Promise<string[]> {
    return await this.#run('abandoned', forMs, limit);
  }

  /** Notes sources that were found stored; those not known count as used now. */
  async discover(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await this.#run('discover', ...digests);
  }
}
