import { createHash } from 'node:crypto';
import { newId } from '@slipway/shared/ids';

export type IdKind = 'job' | 'batch' | 'campaign';

/** The source of ids for the records that a request creates. */
export interface Ids {
  next(kind: IdKind): string;
  /** The first of the current ids, which is that of the job, batch or campaign that the answer names; undefined if there is none. */
  readonly first: string | undefined;
  /** True if an earlier try of the request may have created records with these ids. */
  readonly used: boolean;
  /** Switches to new ids, when the records with the current ids must not be continued. */
  renew(): Promise<void>;
}

/** Returns ids for a request that is never repeated. */
export function newIds(): Ids {
  let first: string | undefined;
  return {
    next(kind) {
      const id = newId(kind);
      first ??= id;
      return id;
    },
    get first() {
      return first;
    },
    used: false,
    async renew() {
      first = undefined;
    },
  };
}

interface ReservedIdsOptions {
  /** The part of an id after its prefix, as made by `newSeed`. */
  readonly seed: string;
  readonly used: boolean;
  /** Stores another seed and returns it. */
  readonly renew: () => Promise<string>;
}

export const newSeed = (): string => newId('job').slice('job_'.length);

const timeLength = 10;
const ulidLength = 26;
const digestLength = 12;
const countLength = 4;
/** Crockford's base 32, as in ULIDs; lower case. */
const digits = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * Ids that are the same on each try, derived from a seed that is stored with an idempotency key. The first id is the seed. Later ids
 * have its time, 60 bits of its digest, a counter, so that they sort in the order of creation, and its cell.
 */
export class ReservedIds implements Ids {
  readonly #renew: () => Promise<string>;
  #seed: string;
  #used: boolean;
  #made = 0;
  #first: string | undefined;

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
    const id = `${kind}_${count === 0 ? this.#seed : derived(this.#seed, count)}`;
    this.#first ??= id;
    return id;
  }

  get first(): string | undefined {
    return this.#first;
  }

  async renew(): Promise<void> {
    this.#seed = await this.#renew();
    this.#used = false;
    this.#made = 0;
    this.#first = undefined;
  }
}

function derived(seed: string, count: number): string {
  const digest = createHash('sha256').update(seed).digest().subarray(0, digestLength);
  const random = [...digest].map((byte) => digits[byte % digits.length]).join('');
  const number = Array.from({ length: countLength }, (_, at) => {
    return digits[Math.floor(count / digits.length ** (countLength - 1 - at)) % digits.length];
  }).join('');
  return seed.slice(0, timeLength) + random + number + seed.slice(ulidLength);
}
