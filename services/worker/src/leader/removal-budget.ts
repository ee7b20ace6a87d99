import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { workerLua } from '../lua.js';

interface BudgetOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Kind of the removed records. Each has its own budget. */
  readonly of: 'jobs' | 'deliveries';
}

/** Share of the records at the start of an hour that may be removed in it. */
const share = 0.1;
/** A small installation may remove this many an hour, whatever its share is. */
const leastAnHour = 1_000;

const spendScript = defineScript({
  folder: workerLua,
  file: 'leader/spend',
  args: z.object({ of: z.enum(['jobs', 'deliveries']), total: z.int(), removed: z.int() }),
});

/**
 * Limits how many records may be removed for their age: a share of all per hour. A wrong clock, Redis' own included, then costs a part of
 * the history before an operator sees the alert, and not all of it. The count is in Redis, so another leader continues it.
 */
export class RemovalBudget {
  readonly #options: BudgetOptions;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /** Returns how many records may be removed now. `total` is how many there are. */
  async left(total: number): Promise<number> {
    const [removed, before] = await this.#call(total, 0);
    return Math.max(0, Math.max(leastAnHour, Math.ceil(before * share)) - removed);
  }

  async spent(count: number): Promise<void> {
    if (count > 0) await this.#call(0, count);
  }

  async #call(total: number, removed: number): Promise<[number, number]> {
    const { redis, keys, of } = this.#options;
    return (await spendScript.run({ redis, keys }, { of, total, removed })) as [number, number];
  }
}
