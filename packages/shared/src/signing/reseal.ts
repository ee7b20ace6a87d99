import { defineScript, type Redis } from '../redis/index.js';
import { reseal, type SealingKey } from './seal.js';

/** A field of a hash that holds a sealed text. */
export interface SealedField {
  readonly key: string;
  readonly field: string;
  /** What the field holds. */
  readonly stored: string;
  readonly sealed: string;
  readonly context: string;
  /** What it is to hold when the text is sealed anew. */
  readonly stores: (sealed: string) => string;
}

export interface Resealed {
  readonly resealed: number;
  /** Those that no key opens. */
  readonly unreadable: number;
}

/** KEYS: 1 the hash. ARGV: 1 field, 2 what was read, 3 what takes its place. 0 where somebody has changed or removed it since. */
const replaceScript = defineScript(`
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
`);

/** Seals those anew that another key than the first of `sealingKey` opens. */
export async function resealFields(options: {
  readonly redis: Redis;
  readonly sealingKey: SealingKey;
  readonly fields: readonly SealedField[];
}): Promise<Resealed> {
  const { redis, sealingKey, fields } = options;
  let [resealed, unreadable] = [0, 0];
  for (const { key, field, stored, sealed, context, stores } of fields) {
    let anew: string | undefined;
    try {
      anew = reseal(sealingKey, sealed, context);
    } catch {
      // The cipher says no more than that no key fits.
      unreadable++;
    }
    if (anew === undefined) continue;
    resealed += Number(await replaceScript.run(redis, [key], [field, stored, stores(anew)]));
  }
  return { resealed, unreadable };
}
