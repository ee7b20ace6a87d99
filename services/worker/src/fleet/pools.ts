import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolRegistry, PoolState } from '@slipway/control-plane/replicas';
import type { Fields } from '@slipway/shared/config';
import { poolNameSchema } from '@slipway/shared/contracts';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { type BuilderEntry, type FleetConfig, parseSettings } from './builders.js';

export interface PoolsConfig {
  /** Pools that are declared apart from replicas. */
  readonly pools: readonly PoolState[];
  /** Milliseconds in which the queue of a pool is to drain, unless the pool has its own. */
  readonly poolDrainTargetMs: number;
}

export function poolsConfig(fields: Fields, { builders }: FleetConfig): PoolsConfig {
  return {
    pools:
      fields.optionalParsed('POOLS', {
        doc: 'Pools that exist without replicas, comma-separated; [the form](#the-form-of-pools)',
        parse(text) {
          const pools = parsePools(text);
          declaredPools({ builders, pools, poolDrainTargetMs: 0 });
          return pools;
        },
      }) ?? [],
    poolDrainTargetMs: fields.int('POOL_DRAIN_TARGET_MS', {
      doc: 'Time in which the jobs that wait for a pool are to be built; decides how many replicas a pool [wants](builders.md#wanted-replicas)',
      default: 5 * 60_000,
      min: 1_000,
      max: 24 * 3600 * 1_000,
    }),
  };
}

/**
 * Parses a comma-separated list of names of pools, each with optional settings: `arm#platforms=linux/arm64&max=4&drain=120`. Throws on
 * anything else.
 */
export function parsePools(text: string): PoolState[] {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length === 0) throw new Error('names no pool');
  const pools = items.map(parsePool);
  const twice = pools.find(({ name }, at) => pools.findIndex((other) => other.name === name) !== at);
  if (twice) throw new Error(`names the pool ${twice.name} twice`);
  return pools;
}

function parsePool(item: string): PoolState {
  const [name = '', ...rest] = item.split('#');
  if (!poolNameSchema.safeParse(name).success) {
    throw new Error(`must name pools with 1 to 32 lower-case letters, digits and -, not '${name}'`);
  }
  const parts = rest.join('#').split('&');
  const drains = parts.filter((part) => part.startsWith('drain='));
  const drain = drains[0]?.slice('drain='.length);
  if (
    drains.length > 1 ||
    (drain !== undefined && !(/^[1-9]\d{0,4}$/.test(drain) && Number(drain) <= 86_400))
  )
    throw new Error(`must say 1 to 86400 seconds as drain, once, not '${drains.join('&')}'`);
  const others = parts.filter((part) => !part.startsWith('drain='));
  if (others.some((part) => part.startsWith('pool=')))
    throw new Error(`must name the pool before the #, not as pool: '${item}'`);
  const { max, platforms } = parseSettings(others.join('&'));
  return { name, platforms, slots: max, drainMs: drain === undefined ? undefined : Number(drain) * 1_000 };
}

/**
 * Returns the pools that a worker declares: those of `POOLS`, and one for each entry of `BUILDERS`. Throws when both give a pool different
 * platforms.
 */
export function declaredPools(options: {
  readonly builders: readonly BuilderEntry[];
  readonly pools: readonly PoolState[];
  readonly poolDrainTargetMs: number;
}): PoolState[] {
  const { builders, pools, poolDrainTargetMs } = options;
  const names = new Set([...pools.map(({ name }) => name), ...builders.map(({ pool }) => pool)]);
  return [...names].map((name) => {
    const declared = pools.find((pool) => pool.name === name);
    const entries = builders.filter(({ pool }) => pool === name);
    const platforms = entries[0]?.platforms ?? declared?.platforms ?? [];
    if (declared && declared.platforms.length > 0 && declared.platforms.join() !== platforms.join())
      throw new Error(`must give the pool ${name} the platforms that BUILDERS gives it`);
    const limits = entries.flatMap(({ max }) => (max === undefined ? [] : [max]));
    const slots = declared?.slots ?? (limits.length > 0 ? Math.min(...limits) : undefined);
    return { name, platforms, slots, drainMs: declared?.drainMs ?? poolDrainTargetMs };
  });
}

interface PoolDeclarationsOptions {
  readonly pools: readonly PoolState[];
  readonly registry: Pick<PoolRegistry, 'declare'>;
  readonly logger: Logger;
  readonly everyMs?: number;
}

/** Declares the pools of this worker while it runs. */
export class PoolDeclarations implements Component {
  readonly name = 'pools';
  readonly #options: PoolDeclarationsOptions;
  /** Pools that other workers declare differently, as last logged. */
  #disputed = '';

  constructor(options: PoolDeclarationsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pools, registry, logger, everyMs = 5_000 } = this.#options;
    while (!signal.aborted) {
      try {
        this.#noteDisputed(await registry.declare(pools));
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'pools not declared');
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #noteDisputed(pools: readonly string[]): void {
    if (pools.length > 0 && pools.join() !== this.#disputed)
      this.#options.logger.warn({ pools }, 'pools had other platforms before; the last declaration counts');
    this.#disputed = pools.join();
  }
}
