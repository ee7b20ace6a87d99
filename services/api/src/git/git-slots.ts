import { SlipwayError } from '@slipway/shared/errors';

interface GitSlotsOptions {
  readonly atOnce: number;
  /** Limit of waiting calls. One tenant may take half of it. */
  readonly waiting: number;
}

interface Waiter {
  readonly tenant: string;
  readonly begin: () => void;
}

/**
 * Limits concurrent work and queues the rest, up to a limit. If there are several slots, the last one goes to a tenant that has none
 * of the others, so that a hanging server blocks only the tenants that use it.
 */
export class GitSlots {
  readonly #options: GitSlotsOptions;
  readonly #most: number;
  #queue: Waiter[] = [];
  /** Slots in use, by tenant. */
  readonly #working = new Map<string, number>();
  #free: number;

  constructor(options: GitSlotsOptions) {
    this.#options = options;
    this.#free = options.atOnce;
    this.#most = Math.max(1, options.atOnce - 1);
  }

  /** Rejects with `git_busy` when too many calls wait, or with the error of the work. */
  async run<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0 && this.#has(tenant) < this.#most) this.#begin(tenant);
    else {
      this.#checkRoom(tenant);
      // The finished call hands its slot directly to a waiting one, so that no later call gets in between.
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
