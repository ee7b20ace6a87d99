import { SlipwayError } from '@slipway/shared/errors';

interface TurnsOptions {
  readonly atOnce: number;
  /** How many may wait, those of one tenant half of it. */
  readonly waiting: number;
}

interface Waiter {
  readonly tenant: string;
  readonly begin: () => void;
}

/**
 * Lets so many work at once, the others later, and turns those away that would be too many. A server that hangs holds up who asks for
 * it: of several places the last one is for another tenant than all the others are.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #most: number;
  #queue: Waiter[] = [];
  /** How many each tenant has. */
  readonly #working = new Map<string, number>();
  #free: number;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#free = options.atOnce;
    this.#most = Math.max(1, options.atOnce - 1);
  }

  /** Rejects with `git_busy` when too many wait, and with whatever the work rejects with. */
  async run<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0 && this.#has(tenant) < this.#most) this.#begin(tenant);
    else {
      this.#checkRoom(tenant);
      // Whoever ends hands on the place, so that nobody who comes later gets in between.
      await new Promise<void>((resolve) => this.#queue.push({ tenant, begin: resolve }));
    }
    try {
      return await work();
    } finally {
      this.#end(tenant);
    }
  }

  #has(tenant: string): number {
    return this.#working.get(tenant) ?? 0;
  }

  #checkRoom(tenant: string): void {
    const { waiting } = this.#options;
    const own = this.#queue.filter((waiter) => waiter.tenant === tenant).length;
    if (this.#queue.length < waiting && own < waiting / 2) return;
    throw new SlipwayError('git_busy', undefined, { retryAfter: 30 });
  }

  #begin(tenant: string): void {
    this.#free--;
    this.#working.set(tenant, this.#has(tenant) + 1);
  }

  #end(tenant: string): void {
    this.#free++;
    const left = this.#has(tenant) - 1;
    if (left > 0) this.#working.set(tenant, left);
    else this.#working.delete(tenant);
    let next: Waiter | undefined;
    for (const waiter of this.#queue) {
      const own = this.#has(waiter.tenant);
      if (own < this.#most && (!next || own < this.#has(next.tenant))) next = waiter;
    }
    if (!next) return;
    this.#queue = this.#queue.filter((waiter) => waiter !== next);
    this.#begin(next.tenant);
    next.begin();
  }
}
