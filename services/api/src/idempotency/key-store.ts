import { createHash } from 'node:crypto';
import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { type SealingKey, seal, unseal } from '@slipway/shared/signing';
import { z } from 'zod';
import { apiLua } from '../lua.js';

/** The stored answer to a request, for replays. */
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

/** A try of a request that has an idempotency key. */
export interface Claim {
  readonly tenant: string;
  readonly key: string;
  /** The token of this try alone. */
  readonly token: string;
}

interface KeyStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Seals stored answers: some hold secrets that are shown once. */
  readonly sealingKey: SealingKey;
}

const keptMs = 24 * 3600 * 1_000;
/** A larger answer is not stored; a repeat finds the created records by id. */
const maxAnswerBytes = 48 * 1024;
/** Bytes of a record besides its answer. */
const recordBytes = 600;

const script = scriptsIn(apiLua, 'idempotency/');
const heldRecord = { tenant: z.string(), key: z.string(), token: z.string() };
const scripts = {
  claim: script('claim', {
    ...heldRecord,
    request: z.string(),
    lease_ms: z.int(),
    seed: z.string(),
    kept_ms: z.int(),
    bytes: z.int(),
  }),
  hold: script('hold', { ...heldRecord, lease_ms: z.int().optional(), seed: z.string().optional() }),
  answer: script('answer', { ...heldRecord, answer: z.string(), bytes: z.int() }),
};

/** Requests and answers by `Idempotency-Key`, kept for 24 hours. */
export class KeyStore {
  readonly #on: { readonly redis: Redis; readonly keys: Keys };
  readonly #sealingKey: SealingKey;

  constructor({ redis, keys, sealingKey }: KeyStoreOptions) {
    this.#on = { redis, keys };
    this.#sealingKey = sealingKey;
  }

  /** Claims a key for a request for `leaseMs`, unless it is renewed. `seed`: the seed of new ids, used unless a seed is stored. */
  async claim(
    claim: Claim,
    { request, seed, leaseMs }: { request: string; seed: string; leaseMs: number },
  ): Promise<ClaimReply> {
    const args = {
      ...{ ...held(claim), request, lease_ms: leaseMs, seed },
      ...{ kept_ms: keptMs, bytes: recordBytes },
    };
    const [outcome, first, second] = (await scripts.claim.run(this.#on, args)) as [
      ClaimReply['outcome'],
      string,
      number,
    ];
    if (outcome === 'claimed') return { outcome, seed: first, used: second === 1 };
    if (outcome === 'busy') return { outcome, leftMs: Number(first) };
    if (outcome === 'full') return { outcome, used: first };
    if (outcome === 'answered') {
      const answer = JSON.parse(unseal(this.#sealingKey, first, this.#record(claim))) as StoredAnswer;
      return { outcome, answer };
    }
    return { outcome };
  }

  /** Renews the claim of the key. */
  async hold(claim: Claim, leaseMs: number): Promise<void> {
    await scripts.hold.run(this.#on, { ...held(claim), lease_ms: leaseMs });
  }

  /** Stores other ids. */
  async reseed(claim: Claim, seed: string): Promise<void> {
    await scripts.hold.run(this.#on, { ...held(claim), seed });
  }

  /** Allows another try of the same request, with the same ids. */
  async giveUp(claim: Claim): Promise<void> {
    await scripts.hold.run(this.#on, { ...held(claim), lease_ms: 0 });
  }

  /** Stores the answer for replays. If the answer is too large, the claim is given up instead. */
  async answer(claim: Claim, answer: StoredAnswer): Promise<void> {
    const text = JSON.stringify(answer);
    if (Buffer.byteLength(text) > maxAnswerBytes) return await this.giveUp(claim);
    const sealed = seal(this.#sealingKey, text, this.#record(claim));
    const bytes = recordBytes + Math.ceil(sealed.length * 1.25);
    await scripts.answer.run(this.#on, { ...held(claim), answer: sealed, bytes });
  }

  /** Returns the context that an answer is sealed for. */
  #record(claim: Claim): string {
    const { tenant, key } = held(claim);
    return this.#on.keys.idempotency(tenant, key);
  }
}

function held({ tenant, key, token }: Claim) {
  return { tenant, key: createHash('sha256').update(key).digest('hex'), token };
}
