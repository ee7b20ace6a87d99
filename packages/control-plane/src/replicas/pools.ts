import { defaultPool } from '@slipway/shared/contracts';
import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';

/** Replicas that build the same platforms, under one name. A pool may have no replica. */
export interface PoolState {
  readonly name: string;
  /** Platforms that each of its replicas builds; an empty list means any. */
  readonly platforms: readonly string[];
  /** Slots of a replica, as far as the configuration names them. */
  readonly slots?: number | undefined;
  /** Milliseconds in which what waits is to be built; the pool wants as many replicas. */
  readonly drainMs?: number | undefined;
}

/** Milliseconds after which a pool or replica that no worker names is forgotten. */
const forgottenAfterMs = 60_000;

const script = scriptsIn(controlPlaneLua, 'replicas/');
const declareScript = script('declare-pools', { pools: z.array(z.string()), forgotten_ms: z.int() });

interface PoolRegistryOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Redis' time in milliseconds since the epoch; the machine's unless given. */
  readonly now?: () => number;
}

/**
 * The pools that workers declare, with and without replicas. A pool disappears a minute after the last declaration, once it has no jobs.
 * While no worker runs, all pools stay.
 */
export class PoolRegistry {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #now: () => number;

  constructor({ redis, keys, now = Date.now }: PoolRegistryOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#now = now;
  }

  /**
   * Declares pools. Call it more often than once a minute. Returns the names of the pools that had other platforms before. The last
   * declaration wins.
   */
  async declare(pools: readonly PoolState[]): Promise<string[]> {
    const texts = pools.flatMap(({ name, platforms, slots = '', drainMs = '' }) => [
      name,
      platforms.join(' '),
      String(slots),
      String(drainMs),
    ]);
    const on = { redis: this.#redis, keys: this.#keys };
    const args = { pools: texts, forgotten_ms: forgottenAfterMs };
    return (await declareScript.run(on, args)) as string[];
  }

  /** Returns the names of the declared pools. */
  async declared(): Promise<string[]> {
    return await this.#redis.zrange(this.#keys.pools, '0', '-1');
  }

  /**
   * Returns the declared pools, and those of replicas that workers of earlier versions announce, by name. While no worker runs, returns
   * the last known pools.
   */
  async list(): Promise<PoolState[]> {
    const [declared, urls] = await Promise.all([
      this.declared(),
      this.#redis.zrangebyscore(this.#keys.replicas, this.#now() - forgottenAfterMs, '+inf'),
    ]);
    if (declared.length + urls.length === 0)
      urls.push(...(await this.#redis.zrange(this.#keys.replicas, '0', '-1')));
    const pipeline = this.#redis.pipeline();
    for (const url of urls) pipeline.hmget(this.#keys.replica(url), 'pool', 'platforms');
    for (const name of declared) pipeline.hmget(this.#keys.pool(name), 'platforms', 'slots', 'drain_ms');
    const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply as (string | null)[];
    });
    const pools = new Map<string, PoolState>();
    for (const [pool, platforms] of replies.slice(0, urls.length)) {
      const name = pool ?? defaultPool;
      pools.set(name, { name, platforms: words(platforms) });
    }
    declared.forEach((name, at) => {
      const [platforms, slots, drainMs] = replies[urls.length + at] ?? [];
      pools.set(name, {
        name,
        platforms: words(platforms),
        slots: Number(slots) || undefined,
        drainMs: Number(drainMs) || undefined,
      });
    });
    return [...pools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

const words = (text: string | null | undefined): readonly string[] => (text ? text.split(' ') : []);
