import { LRUCache } from 'lru-cache';

interface WindowLimitOptions {
  /** Limit per window. */
  readonly limit: number;
  readonly windowMs: number;
}

/** Counts by name in windows of time, in this process alone and in bounded memory. The first count of a name starts its window. */
export class WindowLimit {
  readonly #limit: number;
  readonly #counts: LRUCache<string, { count: number }>;

  constructor({ limit, windowMs }: WindowLimitOptions) {
    this.#limit = limit;
    this.#counts = new LRUCache({ max: 10_000, ttl: windowMs });
  }

  /** Adds one to a count. Returns false above the limit. */
  add(name: string): boolean {
    const held = this.#counts.get(name);
    if (!held) this.#counts.set(name, { count: 1 });
    else held.count++;
    return (held?.count ?? 1) <= this.#limit;
  }

  /** True if there are no counts. */
  get empty(): boolean {
    return this.#counts.size === 0;
  }

  /** Returns the milliseconds until the window of a name at its limit ends; 0 for other names. */
  fullForMs(name: string): number {
    const held = this.#counts.get(name);
    if (!held || held.count < this.#limit) return 0;
    return Math.max(1, this.#counts.getRemainingTTL(name));
  }
}
