import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError } from '@slipway/shared/errors';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { sourceLua } from './lua.js';

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

const script = <Shape extends z.ZodRawShape>(file: string, args: Shape) =>
  defineScript({ folder: sourceLua, file: `sources/${file}`, args: z.object(args) });
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

/** A writer that has not written what it claimed by then is dead. */
const writeMs = 10 * 60_000;
const patienceMs = 15_000;
const askAgainMs = 20;

/** When each source was last used, so that unused ones can be removed while others come and go. See lua/sources/include/uses.lua. */
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

  /** Sources that have not been used for so long, the longest first, and what `condemn` is to be told. */
  async idle(forMs: number, limit: number): Promise<{ since: string; digests: string[] }> {
    const [since = '', ...digests] = (await scripts.idle.run(this.#on, {
      idle_ms: forMs,
      limit,
    })) as string[];
    return { since, digests };
  }

  /** Notes that these are referred to. */
  async keep(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await scripts.keep.run(this.#on, { digests: [...digests] });
  }

  /** Takes out of use those that have not been used since `since`, and returns them. `gone` follows when their blobs are removed. */
  async condemn(since: string, digests: readonly string[]): Promise<string[]> {
    if (digests.length === 0) return [];
    return (await scripts.condemn.run(this.#on, { since: Number(since), digests: [...digests] })) as string[];
  }

  async gone(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await scripts.gone.run(this.#on, { digests: [...digests] });
  }

  /** Takes over, some at a time, what was condemned so long ago by someone who has not removed it. */
  async abandoned(forMs: number, limit: number): Promise<string[]> {
    return (await scripts.abandoned.run(this.#on, { abandoned_ms: forMs, limit })) as string[];
  }

  /** Notes sources that were found stored; those not known count as used now. */
  async discover(digests: readonly string[]): Promise<void> {
    if (digests.length > 0) await scripts.discover.run(this.#on, { digests: [...digests] });
  }
}
