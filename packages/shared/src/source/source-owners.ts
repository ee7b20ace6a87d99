import { LRUCache } from 'lru-cache';
import { defineScript, type Keys, type Redis } from '../redis/index.js';
import { ReservedRoom, type Waiting } from './source-room.js';

/**
 * KEYS: 1 sorted set of a tenant's sources (score = bytes), 2 how many bytes they have, 3 whose the source is, 4 reservations (source-room.ts).
 * ARGV: 1 digest, 2 bytes, 3 tenant, 4 how many bytes it may have or '', 5 the reservation that the source takes the place of or ''.
 * {'had'}, {'new'}, or {'full', bytes it has} when that were too many.
 */
const addScript = defineScript(`
local reserved = ARGV[5] ~= '' and redis.call('HGET', KEYS[4], ARGV[5])
if reserved then redis.call('HDEL', KEYS[4], ARGV[5]) end
local admitted = reserved and string.find(reserved, 'admitted')
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 'had' } end
local has = tonumber(redis.call('GET', KEYS[2]) or '0')
if ARGV[4] ~= '' and not admitted and has + tonumber(ARGV[2]) > tonumber(ARGV[4]) then return { 'full', string.format('%.0f', has) } end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('INCRBY', KEYS[2], ARGV[2])
redis.call('SADD', KEYS[3], ARGV[3])
return { 'new' }
`);

/** KEYS: 1 whose the source is. ARGV: 1 base of all keys, 2 digest. Nobody has it any more. */
const forgetScript = defineScript(`
for _, tenant in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local of, bytes = ARGV[1] .. 'sources:of:' .. tenant, ARGV[1] .. 'sources:bytes:' .. tenant
  local size = redis.call('ZSCORE', of, ARGV[2])
  if size then
    redis.call('ZREM', of, ARGV[2])
    redis.call('DECRBY', bytes, string.format('%.0f', size))
  end
end
redis.call('DEL', KEYS[1])
`);

export interface OwnedSource {
  readonly digest: string;
  readonly bytes: number;
}

/** So many that were found to be a tenant's are not asked for again. */
const remembered = 10_000;

/**
 * Whose each stored source is. It is kept once, whoever sent it, but only who has sent it himself may use it: the digest of
 * somebody else's files opens nothing.
 */
export class SourceOwners {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #known = new LRUCache<string, true>({ max: remembered });

  constructor({ redis, keys }: { redis: Redis; keys: Keys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Room for one source that arrives, in the bytes that the tenant may have. */
  room(tenant: string, maxBytes: number, waiting: Waiting = {}): ReservedRoom {
    return new ReservedRoom({ redis: this.#redis, keys: this.#keys, tenant, maxBytes, ...waiting });
  }

  /** Notes that a tenant has sent a source. `full`: its sources would have more bytes than they may; nothing is noted then. */
  async add(
    tenant: string,
    { digest, bytes }: OwnedSource,
    {
      maxBytes,
      reservation = '',
    }: { readonly maxBytes?: number | undefined; readonly reservation?: string } = {},
  ): Promise<{ readonly outcome: 'new' | 'had' } | { readonly outcome: 'full'; readonly bytes: number }> {
    const { sourcesOf, sourceBytes, sourceOwners, sourcesReserved } = this.#keys;
    const args = [digest, bytes, tenant, maxBytes ?? '', reservation];
    const keys = [sourcesOf(tenant), sourceBytes(tenant), sourceOwners(digest), sourcesReserved(tenant)];
    const [outcome, has] = (await addScript.run(this.#redis, keys, args)) as [
      'new' | 'had' | 'full',
      string?,
    ];
    if (outcome === 'full') return { outcome, bytes: Number(has) };
    this.#known.set(`${tenant} ${digest}`, true);
    return { outcome };
  }

  /** Whether the tenant has sent the source, be it stored still or not. */
  async has(tenant: string, digest: string): Promise<boolean> {
    const known = `${tenant} ${digest}`;
    if (this.#known.has(known)) return true;
    const score = await this.#redis.zscore(this.#keys.sourcesOf(tenant), digest);
    if (score !== null) this.#known.set(known, true);
    return score !== null;
  }

  /** Takes sources that were removed from all who had them. */
  async forget(digests: readonly string[]): Promise<void> {
    await Promise.all(
      digests.map((digest) =>
        forgetScript.run(this.#redis, [this.#keys.sourceOwners(digest)], [this.#keys.base, digest]),
      ),
    );
  }
}
