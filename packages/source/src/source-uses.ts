import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError } from '@slipway/shared/errors';
import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { sourceLua } from './lua.js';

/** The part of `SourceUses` that a source store needs. */
export interface SourceClaims {
  /**
   * Claims a source. Returns `there` (it now counts as used), or `write`: then the caller writes it and calls `stored` or
   * `release`. Waits while the source is being removed; rejects with `source_busy` when that takes too long.
   */
  claim(digest: string, isThere: () => Promise<boolean>): Promise<'there' | 'write'>;
  stored(digest: string): Promise<void>;
  release(digest: string): Promise<void>;
  /** Records a use. Returns false when the source is being removed or was removed: the caller must look it up or write it again. */
  touch(digest: string): Promise<boolean>;
}

/** Claims of a store whose sources are never removed. */
export const withoutClaims: SourceClaims = {
  claim: async (_digest, isThere) => ((await isThere()) ? 'there' : 'write'),
  stored: async () => undefined,
  release: async () => undefined,
  touch: async () => true,
};

const script = scriptsIn(sourceLua, 'sources/');
const one = { digest: z.string() };
const several = { digests: z.array(z.string()) };
const scripts = {
  claim: script('claim', { ...one, found: z.boolean(), write_ms: z.int() }),
  stored: script('stored', one),
  release: script('release', one),
  touch: script('touch', one),
  idle: script('idle', { idle_ms: z.number(), limit: z.int() }),
  keep: script('keep', several),
  condemn: script('condemn', { since: z.number(), ...several }),
  gone: script('gone', several),
  abandoned: script('abandoned', { abandoned_ms: z.number(), limit: z.int() }),
  discover: script('discover', several),
};

/** A writer that has not finished after this time is dead. */
const writeMs = 10 * 60_000;
const patienceMs = 15_000;
const askAgainMs = 20;

/** Tracks the last use of each source, so that unused ones can be removed during uploads and builds. See lua/sources/include/uses.lua. */
export class SourceUses implements SourceClaims {
  readonly #on: { readonly redis: Redis; readonly keys: Keys };

  constructor({ redis, keys }: { redis: Redis; keys: Keys }) {
    this.#on = { redis, keys };
  }

  async claim(digest: string, isThere: () => Promise<boolean>): Promise<'there' | 'write'> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const outcome = await scripts.claim.run(this.#on, {
        digest,
        found: await isThere(),
        write_ms: writeMs,
      });
      if (outcome === 'there' || outcome === 'write') return outcome;
      if (performance.now() > until) throw new SlipwayError('source_busy', undefined, { retryAfter: 60 });
      await sleep(askAgainMs);
    }
  }

  async stored(digest: string): Promise<void> {
    await scripts.stored.run(this.#on, { digest });
  }

  async release(digest: string): Promise<void> {
    await scripts.release.run(this.#on, { digest });
  }

  async touch(digest: string): Promise<boolean> {
    return (await scripts.touch.run(this.#on, { digest })) === 1;
  }

  /** Returns sources that were unused for this time, the longest unused first, and the `since` value for `condemn`. */
  async idle(forMs: number, limit: number): Promise<{ since: string; digests: string[] }> {
    const [since = '', ...digests] = (await scripts.idle.run(this.#on, {
      idle_ms: forMs,
      limit,
    })) as string[];
    return { since, digests };
  }

  /** Records that records refer to these sources. */
  async keep(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await scripts.keep.run(this.#on, { digests: [...digests] });
  }

  /** Condemns those that were unused since `since`, and returns them. Call `gone` after removing their blobs. */
  async condemn(since: string, digests: readonly string[]): Promise<string[]> {
    if (digests.length === 0) return [];
    return (await scripts.condemn.run(this.#on, { since: Number(since), digests: [...digests] })) as string[];
  }

  async gone(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await scripts.gone.run(this.#on, { digests: [...digests] });
  }

  /** Takes over a number of sources that another process condemned long ago but did not remove. */
  async abandoned(forMs: number, limit: number): Promise<string[]> {
    return (await scripts.abandoned.run(this.#on, { abandoned_ms: forMs, limit })) as string[];
  }

  /** Records sources that were found in the store. Unknown ones count as used now. */
  async discover(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await scripts.discover.run(this.#on, { digests: [...digests] });
  }
}
