import { createHash } from 'node:crypto';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { type SealingKey, seal, unseal } from '@slipway/shared/signing';

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
const maxBodyBytes = 512 * 1024;

/**
 * KEYS: 1 the key's record. ARGV: 1 digest of the request, 2 token of the try, 3 lease in ms, 4 seed of ids, 5 ms that the record is kept.
 * A record without an answer whose lease is over belonged to a process that is gone, or to a try that failed: the next takes it over, ids and all.
 */
const claimScript = defineScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local f = redis.call('HMGET', KEYS[1], 'request', 'answer', 'until', 'seed')
if f[1] then
  if f[1] ~= ARGV[1] then return { 'other_request' } end
  if f[2] then return { 'answered', f[2] } end
  if tonumber(f[3]) > now then return { 'busy', tonumber(f[3]) - now } end
  redis.call('HSET', KEYS[1], 'token', ARGV[2], 'until', now + ARGV[3])
  return { 'claimed', f[4], 1 }
end
redis.call('HSET', KEYS[1], 'request', ARGV[1], 'token', ARGV[2], 'until', now + ARGV[3], 'seed', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return { 'claimed', ARGV[4], 0 }
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
    const args = [request, claim.token, leaseMs, seed, keptMs];
    const [outcome, first, second] = (await claimScript.run(this.#redis, [record], args)) as [
      ClaimReply['outcome'],
      string,
      number,
    ];
    if (outcome === 'claimed') return { outcome, seed: first, used: second === 1 };
    if (outcome === 'busy') return { outcome, leftMs: Number(first) };
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
    if (text.length > maxBodyBytes) return await this.release(claim);
    await this.#change(claim, { answer: seal(this.#sealingKey, text, this.#record(claim)) });
  }

  async #change(claim: Claim, fields: Readonly<Record<string, string | number>>): Promise<void> {
    const args = [claim.token, ...Object.entries(fields).flat()];
    await changeScript.run(this.#redis, [this.#record(claim)], args);
  }

  #record({ tenant, key }: Claim): string {
    return this.#keys.idempotency(tenant, createHash('sha256').update(key).digest('hex'));
  }
}
