import { createHash } from 'node:crypto';
import { newId } from '@slipway/shared/ids';

export type IdKind = 'job' | 'batch';

/** Where a request gets the ids of what it makes from. */
export interface Ids {
  next(kind: IdKind): string;
  /** Whether an earlier try of the request may have made something by these ids. */
  readonly used: boolean;
  /** Other ids from now on: what was made by these is not to be gone on with. */
  renew(): Promise<void>;
}

/** For a request that is never repeated. */
export const newIds: Ids = {
  next: newId,
  used: false,
  async renew() {},
};

interface ReservedIdsOptions {
  /** The part of an id after its prefix, as `newSeed` makes it. */
  readonly seed: string;
  readonly used: boolean;
  /** Keeps another seed, and returns it. */
  readonly renew: () => Promise<string>;
}

export const newSeed = (): string => newId('job').slice('job_'.length);

const timeLength = 10;
const digestLength = 12;
const countLength = 4;
/** Crockford's base 32, as in ULIDs; lower case. */
const digits = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * The same ids in the same order each time, made from one that is kept with an idempotency key: the first is that one, those after it have
 * its time, 60 bits of its digest, and a number that grows, so that they sort in the order in which they were made.
 */
export class ReservedIds implements Ids {
  readonly #renew: () => Promise<string>;
  #seed: string;
  #used: boolean;
  #made = 0;

  constructor({ seed, used, renew }: ReservedIdsOptions) {
    this.#seed = seed;
    this.#used = used;
    this.#renew = renew;
  }

  get used(): boolean {
    return this.#used;
  }

  next(kind: IdKind): string {
    const count = this.#made++;
    return `${kind}_${count === 0 ? this.#seed : derived(this.#seed, count)}`;
  }

  async renew(): Promise<void> {
    this.#seed = await this.#renew();
    this.#used = false;
    this.#made = 0;
  }
}

function derived(seed: string, count: number): string {
  const digest = createHash('sha256').update(seed).digest().subarray(0, digestLength);
  const random = [...digest].map((byte) => digits[byte % digits.length]).join('');
  const number = Array.from({ length: countLength }, (_, at) => {
    return digits[Math.floor(count / digits.length ** (countLength - 1 - at)) % digits.length];
  }).join('');
  return seed.slice(0, timeLength) + random + number;
}
