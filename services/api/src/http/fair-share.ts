interface FairShareOptions {
  /** The amount that all tenants together may hold. */
  readonly total: number;
  /** The part of it that one tenant may hold. */
  readonly perTenant: number;
}

interface Claim {
  readonly tenant: string;
  readonly amount: number;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly amount: number;
  readonly grant: () => void;
}

/**
 * Shares an amount among tenants. Each tenant's claims are granted in order, and tenants take turns. A tenant waits for its own
 * claims and for at most one claim of each other tenant. Small claims do not starve a large one: no claim overtakes a claim that
 * waits for room.
 */
export class FairShare {
  readonly #options: FairShareOptions;
  /** Waiting claims by tenant. The tenant to serve next comes first. */
  readonly #waiting = new Map<string, Waiter[]>();
  readonly #held = new Map<string, number>();
  #free: number;

  constructor(options: FairShareOptions) {
    this.#options = options;
    this.#free = options.total;
  }

  /**
   * Resolves once the tenant holds the amount, with the function that releases it. A claim larger than a tenant's share counts as
   * that share. Rejects with the reason of the signal, and then holds nothing.
   */
  async take({ tenant, amount, signal }: Claim): Promise<() => void> {
    signal?.throwIfAborted();
    const counted = Math.min(amount, this.#options.perTenant, this.#options.total);
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#leave(tenant, waiter);
        reject(signal?.reason);
      };
      const waiter = {
        amount: counted,
        grant: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.set(tenant, [...(this.#waiting.get(tenant) ?? []), waiter]);
      this.#serve();
    });
    let returned = false;
    return () => {
      if (returned) return;
      returned = true;
      this.#free += counted;
      this.#hold(tenant, -counted);
      this.#serve();
    };
  }

  #serve(): void {
    for (let granted = true; granted; ) {
      granted = false;
      for (const [tenant, waiters] of this.#waiting) {
        const [first] = waiters;
        if (!first || (this.#held.get(tenant) ?? 0) + first.amount > this.#options.perTenant) continue;
        if (first.amount > this.#free) return;
        // The tenant moves behind the others.
        this.#leave(tenant, first);
        const rest = this.#waiting.get(tenant);
        if (rest) {
          this.#waiting.delete(tenant);
          this.#waiting.set(tenant, rest);
        }
        this.#free -= first.amount;
        this.#hold(tenant, first.amount);
        first.grant();
        granted = true;
        break;
      }
    }
  }

  #leave(tenant: string, waiter: Waiter): void {
    const rest = (this.#waiting.get(tenant) ?? []).filter((each) => each !== waiter);
    if (rest.length > 0) this.#waiting.set(tenant, rest);
    else this.#waiting.delete(tenant);
    // Claims that waited behind it may proceed.
    if (this.#free > 0) queueMicrotask(() => this.#serve());
  }

  #hold(tenant: string, amount: number): void {
    const held = (this.#held.get(tenant) ?? 0) + amount;
    if (held > 0) this.#held.set(tenant, held);
    else this.#held.delete(tenant);
  }
}
