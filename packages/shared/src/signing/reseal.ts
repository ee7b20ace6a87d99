import { z } from 'zod';
import { defineScript, type Keys, type LuaFolder, type Redis } from '../redis/index.js';
import { reseal, type SealingKey } from './seal.js';

/** A field of a hash that holds a sealed text. */
export interface SealedField {
  readonly key: string;
  readonly field: string;
  /** The current value of the field. */
  readonly stored: string;
  readonly sealed: string;
  readonly context: string;
  /** Returns the new value of the field for the resealed text. */
  readonly stores: (sealed: string) => string;
}

export interface Resealed {
  readonly resealed: number;
  /** The number of texts that no key opens. */
  readonly unreadable: number;
}

const lua: LuaFolder = { url: new URL('../../lua/', import.meta.url) };
const replaceScript = defineScript({
  folder: lua,
  file: 'signing/replace',
  args: z.object({ key: z.string(), field: z.string(), before: z.string(), after: z.string() }),
});

/** Reseals the texts that the first of `sealingKey` does not open. */
export async function resealFields(options: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly sealingKey: SealingKey;
  readonly fields: readonly SealedField[];
}): Promise<Resealed> {
  const { redis, keys, sealingKey, fields } = options;
  let [resealed, unreadable] = [0, 0];
  for (const { key, field, stored, sealed, context, stores } of fields) {
    let sealedAgain: string | undefined;
    try {
      sealedAgain = reseal(sealingKey, sealed, context);
    } catch {
      // The cipher only reports that no key fits.
      unreadable++;
    }
    if (sealedAgain === undefined) continue;
    resealed += Number(
      await replaceScript.run({ redis, keys }, { key, field, before: stored, after: stores(sealedAgain) }),
    );
  }
  return { resealed, unreadable };
}
