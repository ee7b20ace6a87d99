import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';

interface BudgetOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** What is removed; each has a budget of its own. */
  readonly of: 'jobs' | 'deliveries';
}

/** Of the records that there are at the beginning of an hour. */
const share = 0.1;
/** A small installation may remove this many an hour, whatever its share is. */
const leastAnHour = 1_000;

/**
 * KEYS: 1 the budget (hash). ARGV: 1 records that there are, 2 how many were removed since the last call. Returns how many were removed in this hour of Redis'
 * time, and how many records there were at its beginning.
 */
const spend = defineScript(`
local hour = math.floor(redis.call('TIME')[1] / 3600)
local f = redis.call('HMGET', KEYS[1], 'hour', 'total')
if f[1] ~= tostring(hour) then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'hour', hour, 'total', ARGV[1])
  redis.call('EXPIRE', KEYS[1], 7200)
end
return { redis.call('HINCRBY', KEYS[1], 'removed', ARGV[2]), tonumber(redis.call('HGET', KEYS[1], 'total')) }
`);

/**
 * How many records may be removed for their age: no more than a share of all in an hour, so that a clock that is wrong, Redis' own included, costs a part of
 * the history before somebody sees the alert, and not all of it. The count is kept in Redis: another leader goes on with it.
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
    return (await spend.run(redis, [keys.removals(of)], [total, removed])) as [number, number];
  }
}
