import { createHash } from 'node:crypto';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { type SealingKey, seal, unseal } from '@slipway/shared/signing';
import { storedLua } from '@slipway/shared/stored';

/** How a request was answered, to be answered in the same way again. */
export interface StoredAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly location: string | undefined;
  readonly body: string;
}

export type ClaimReply =
  | { readonly outcome: 'claimed'; readonly seed: string; readonly used: boolean }
  | { readonly outcome: 'answered'; readonly answer: StoredAnswer }
  | { readonly outcome: 'busy'; readonly leftMs: number }
  | { readonly outcome: 'full'; readonly used: string }
  | { readonly outcome: 'other_request' };

/** One try of a request that came with a key. */
export interface Claim {
  readonly tenant: string;
  readonly key: string;
  /** Of this try alone. */
  readonly token: string;
}

interface KeyStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Answers are stored sealed: some hold secrets that are shown once. */
  readonly sealingKey: SealingKey;
}

const keptMs = 24 * 3600 * 1_000;
/** What is larger is not stored; a repeat finds what was made by its id. */
const maxAnswerBytes = 48 * 1024;
/** A record besides its answer. */
const recordBytes = 600;

/**
 * KEYS: 1 the key's record. ARGV: 1 digest of the request, 2 token of the try, 3 lease in ms, 4 seed of ids, 5 ms that the record is kept, 6 base of all keys, 7 tenant,
 * 8 bytes of the record. Returns {'full', bytes that the tenant has} when it has no room for another.
 * A record without an answer whose lease is over belonged to a process that is gone, or to a try that failed: the next takes it over, ids and all.
 */
const claimScript = defineScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local base, tenant = ARGV[6], ARGV[7]
${storedLua}
local f = redis.call('HMGET', KEYS[1], 'request', 'answer', 'until', 'seed')
if f[1] then
  if f[1] ~= ARGV[1] then return { 'other_request' } end
  if f[2] then return { 'answered', f[2] } end
  if tonumber(f[3]) > now then return { 'busy', tonumber(f[3]) - now } end
  redis.call('HSET', KEYS[1], 'token', ARGV[2], 'until', now + ARGV[3])
  return { 'claimed', f[4], 1 }
end
if not has_room(tenant, tonumber(ARGV[8]), 1) then return { 'full', whole(charged(tenant)) } end
redis.call('HSET', KEYS[1], 'request', ARGV[1], 'token', ARGV[2], 'until', now + ARGV[3], 'seed', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
charge_expiring(tenant, KEYS[1], tonumber(ARGV[8]), tonumber(ARGV[5]))
return { 'claimed', ARGV[4], 0 }
`);

/**
 * KEYS: 1 the key's record. ARGV: 1 token of the try, 2 the answer, 3 base of all keys, 4 tenant, 5 bytes of the record with the answer. Where the tenant has no room for
 * the answer the key is released. Nothing when another try has taken over.
 */
const answerScript = defineScript(`
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local base, tenant = ARGV[3], ARGV[4]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
${storedLua}
if not has_room(tenant, tonumber(ARGV[5]), 1.25) then return redis.call('HSET', KEYS[1], 'until', now) end
redis.call('HSET', KEYS[1], 'answer', ARGV[2])
charge_expiring(tenant, KEYS[1], tonumber(ARGV[5]), redis.call('PTTL', KEYS[1]))
return 1
`);

/** KEYS: 1 the key's record. ARGV: 1 token of the try, then fields and values; `until` is given in ms from now. Nothing when another try has taken over. */
const changeScript = defineScript(`
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 2 do
  local value = ARGV[i + 1]
  if ARGV[i] == 'until' then
    local t = redis.call('TIME')
    value = t[1] * 1000 + math.floor(t[2] / 1000) + value
  end
  redis.call('HSET', KEYS[1], ARGV[i], value)
end
return 1
`);

/** What came with which `Idempotency-Key`, and how it was answered, for 24 hours. */
export class KeyStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #sealingKey: SealingKey;

  constructor({ redis, keys, sealingKey }: KeyStoreOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#sealingKey = sealingKey;
  }

  /** Takes a key for a request, for `leaseMs` unless it is held on to. `seed`: of the ids, unless there are some. */
  async claim(
    claim: Claim,
    { request, seed, leaseMs }: { request: string; seed: string; leaseMs: number },
  ): Promise<ClaimReply> {
    const record = this.#record(claim);
    const args = [request, claim.token, leaseMs, seed, keptMs, this.#keys.base, claim.tenant, recordBytes];
    const [outcome, first, second] = (await claimScript.run(this.#redis, [record], args)) as [
      ClaimReply['outcome'],
      string,
      number,
    ];
    if (outcome === 'claimed') return { outcome, seed: first, used: second === 1 };
    if (outcome === 'busy') return { outcome, leftMs: Number(first) };
    if (outcome === 'full') return { outcome, used: first };
    if (outcome === 'answered') {
      const answer = JSON.parse(unseal(this.#sealingKey, first, record)) as StoredAnswer;
      return { outcome, answer };
    }
    return { outcome };
  }

  /** Goes on holding the key. */
  async hold(claim: Claim, leaseMs: number): Promise<void> {
    await this.#change(claim, { until: leaseMs });
  }

  /** Keeps other ids. */
  async reseed(claim: Claim, seed: string): Promise<void> {
    await this.#change(claim, { seed });
  }

  /** Lets the same request be tried again, with the same ids. */
  async release(claim: Claim): Promise<void> {
    await this.#change(claim, { until: 0 });
  }

  /** The answer from now on; one that is too large is not kept, and the key is released. */
  async answer(claim: Claim, answer: StoredAnswer): Promise<void> {
    const text = JSON.stringify(answer);
    if (Buffer.byteLength(text) > maxAnswerBytes) return await this.release(claim);
    const record = this.#record(claim);
    const sealed = seal(this.#sealingKey, text, record);
    const bytes = recordBytes + Math.ceil(sealed.length * 1.25);
    await answerScript.run(
      this.#redis,
      [record],
      [claim.token, sealed, this.#keys.base, claim.tenant, bytes],
    );
  }

  async #change(claim: Claim, fields: Readonly<Record<string, string | number>>): Promise<void> {
    const args = [claim.token, ...Object.entries(fields).flat()];
    await changeScript.run(this.#redis, [this.#record(claim)], args);
  }

  #record({ tenant, key }: Claim): string {
    return this.#keys.idempotency(tenant, createHash('sha256').update(key).digest('hex'));
  }
}
