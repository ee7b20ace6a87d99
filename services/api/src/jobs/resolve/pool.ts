import type { PartPlan } from '@slipway/control-plane/jobs';
import type { PoolState } from '@slipway/control-plane/replicas';
import { defaultPool, type JobSpec } from '@slipway/shared/contracts';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import { normalPlatform } from '@slipway/shared/platforms';

/** The pool of a job. */
export interface Placed {
  readonly pool: string;
  /** The plans for several pools when no single pool builds all platforms. The pool of the job joins their images then. */
  readonly parts?: readonly PartPlan[];
}

/**
 * Returns the pool for a job. The first rule that fits decides: the requested pool, the default pool if it builds all platforms, the
 * first pool by name that does, or the fewest pools that do together. While no replica is known, it is the default pool. `allowed`
 * hides all other pools; its first pool replaces a default pool that is not allowed. Throws `pool_not_found`, or
 * `platform_unsupported`.
 */
export function choosePool(
  { pool: wanted, platforms }: Pick<JobSpec, 'pool' | 'platforms'>,
  known: readonly PoolState[],
  allowed?: readonly string[],
): Placed {
  const pools = allowed ? known.filter(({ name }) => allowed.includes(name)) : known;
  const usual = allowed?.includes(defaultPool) === false ? allowed[0] : defaultPool;
  if (wanted !== undefined) {
    const pool = pools.find(({ name }) => name === wanted);
    if (pool) {
      if (buildsAll(pool, platforms)) return { pool: wanted };
      const missing = platforms.filter((platform) => !builds(pool, platform)).join(', ');
      throw refused(
        'platform_unsupported',
        '/platforms',
        `The pool ${wanted} does not build ${missing}; ${listed(pools)}.`,
      );
    }
    if (known.length > 0 || !(allowed ?? [defaultPool]).includes(wanted)) {
      throw refused('pool_not_found', '/pool', `There is no pool ${wanted}; ${listed(pools)}.`);
    }
  }
  if (known.length === 0) return { pool: wanted ?? usual ?? defaultPool };
  if (pools.length === 0) {
    throw refused('pool_not_found', '/pool', `The pools ${allowed?.join(', ')} do not exist.`);
  }
  const able = pools.filter((pool) => buildsAll(pool, platforms));
  const chosen = able.find(({ name }) => name === defaultPool) ?? able[0];
  if (chosen) return { pool: chosen.name };
  const parts = divide(platforms, pools);
  if (parts?.[0]) return { pool: parts[0].pool, parts };
  const missing = platforms.filter((platform) => !pools.some((pool) => builds(pool, platform))).join(', ');
  throw refused('platform_unsupported', '/platforms', `No pool builds ${missing}; ${listed(pools)}.`);
}

/**
 * Assigns the remaining platforms to the pool that builds most of them, repeatedly. Ties go to the default pool, then to the first
 * by name. Returns undefined when platforms remain.
 */
function divide(platforms: readonly string[], pools: readonly PoolState[]): PartPlan[] | undefined {
  const parts: PartPlan[] = [];
  let left = platforms;
  while (left.length > 0) {
    let most: PartPlan = { pool: '', platforms: [] };
    for (const pool of pools) {
      const own = left.filter((platform) => builds(pool, platform));
      const better = own.length > most.platforms.length;
      if (better || (own.length > 0 && own.length === most.platforms.length && pool.name === defaultPool)) {
        most = { pool: pool.name, platforms: own };
      }
    }
    if (most.platforms.length === 0) return undefined;
    parts.push(most);
    left = left.filter((platform) => !most.platforms.includes(platform));
  }
  return parts;
}

const buildsAll = (pool: PoolState, platforms: readonly string[]) =>
  platforms.every((platform) => builds(pool, platform));

function builds({ platforms }: PoolState, platform: string): boolean {
  return (
    platforms.length === 0 || platforms.some((other) => normalPlatform(other) === normalPlatform(platform))
  );
}

function listed(pools: readonly PoolState[]): string {
  if (pools.length === 0) return 'no replica is known yet';
  return `there are ${pools
    .map(
      ({ name, platforms }) => `${name} (${platforms.length === 0 ? 'any platform' : platforms.join(', ')})`,
    )
    .join(', ')}`;
}

function refused(code: ErrorCode, path: string, message: string): SlipwayError {
  return new SlipwayError(code, message, { errors: [{ path, message }] });
}
