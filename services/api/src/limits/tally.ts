import { LRUCache } from 'lru-cache';

interface TallyOptions {
  /** So many in a window are too many. */
  readonly limit: number;
  readonly windowMs: number;
}

/** Counts by name in windows of time, each beginning with the first, in this process alone and in bounded memory. */
export class Tally {
  readonly #limit: number;
  readonly #counts: LRUCache<string, { count: number }>;

  constructor({ limit, windowMs }: TallyOptions) {
    this.#limit = limit;
    this.#counts = new LRUCache({ max: 10_000, ttl: windowMs });
  }

  /** Counts one more. False when that is too many. */
  add(name: string): boolean {
    const held = this.#counts.get(name);
    if (!held) this.#counts.set(name, { count: 1 });
    else held.count++;
    return (held?.count ?? 1) <= this.#limit;
  }

  /** Whether nothing is counted. */
  get empty(): boolean {
    return this.#counts.size === 0;
  }

  /** Milliseconds until the window of a name ends that has had as many as may be; 0 for others. */
  fullForMs(name: string): number {
    const held = this.#counts.get(name);
    if (!held || held.count < this.#limit) return 0;
    return Math.max(1, this.#counts.getRemainingTTL(name));
  }
}
