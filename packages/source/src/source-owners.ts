import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { sourceLua } from './lua.js';
import { ReservedRoom, type Waiting } from './source-room.js';

const ownScript = defineScript({
  folder: sourceLua,
  file: 'sources/own',
  args: z.object({
    tenant: z.string(),
    digest: z.string(),
    bytes: z.int(),
    most: z.int().optional(),
    reservation: z.string().optional(),
  }),
});
const disownScript = defineScript({
  folder: sourceLua,
  file: 'sources/disown',
  args: z.object({ digest: z.string() }),
});

export interface OwnedSource {
  readonly digest: string;
  readonly bytes: number;
}

/** Maximum of cached ownerships, so that later checks need no Redis call. */
const remembered = 10_000;

/**
 * The owners of each stored source. A source is stored once for all tenants that sent it, but only those tenants may use it:
 * knowing the digest of another tenant's files is not enough.
 */
export class SourceOwners {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #known = new LRUCache<string, true>({ max: remembered });

  constructor({ redis, keys }: { redis: Redis; keys: Keys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Returns room for one arriving source, within the tenant's limit of bytes. */
  room(tenant: string, maxBytes: number, waiting: Waiting = {}): ReservedRoom {
    return new ReservedRoom({ redis: this.#redis, keys: this.#keys, tenant, maxBytes, ...waiting });
  }

  /** Records that a tenant has sent a source. `full`: its sources would exceed the limit, and nothing is recorded. */
  async add(
    tenant: string,
    { digest, bytes }: OwnedSource,
    {
      maxBytes,
      reservation,
    }: { readonly maxBytes?: number | undefined; readonly reservation?: string | undefined } = {},
  ): Promise<{ readonly outcome: 'new' | 'had' } | { readonly outcome: 'full'; readonly bytes: number }> {
    const args = { tenant, digest, bytes, most: maxBytes, reservation };
    const [outcome, has] = (await ownScript.run({ redis: this.#redis, keys: this.#keys }, args)) as [
      'new' | 'had' | 'full',
      string?,
    ];
    if (outcome === 'full') return { outcome, bytes: Number(has) };
    this.#known.set(`${tenant} ${digest}`, true);
    return { outcome };
  }

  /** Returns true if the tenant has sent the source, even if it is no longer stored. */
  async has(tenant: string, digest: string): Promise<boolean> {
    const known = `${tenant} ${digest}`;
    if (this.#known.has(known)) return true;
    const score = await this.#redis.zscore(this.#keys.sourcesOf(tenant), digest);
    if (score !== null) this.#known.set(known, true);
    return score !== null;
  }

  /** Removes the ownership of removed sources from all tenants. */
  async forget(digests: readonly string[]): Promise<void> {
    await Promise.all(
      digests.map((digest) => disownScript.run({ redis: this.#redis, keys: this.#keys }, { digest })),
    );
  }
}
