import { createHash } from 'node:crypto';

/** A number from 0 up to, but not including, 1 that depends on `key` alone: the same in every run and process. */
export function uniform(key: string): number {
  return createHash('sha256').update(key).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** A number of the normal distribution (mean 0, deviation 1) that depends on `key` alone. */
export function normal(key: string): number {
  // Box-Muller; the first number must not be 0.
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(`${key}/radius`)));
  return radius * Math.cos(2 * Math.PI * uniform(`${key}/angle`));
}

/** A stream of numbers from 0 up to, but not including, 1, the same for the same seed. */
export function seededRandom(seed: string): () => number {
  let drawn = 0;
  return () => uniform(`${seed}#${drawn++}`);
}
