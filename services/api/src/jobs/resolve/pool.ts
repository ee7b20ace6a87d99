import { defaultPool, type JobSpec, normalPlatform } from '@slipway/shared/contracts';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import type { PoolState } from '@slipway/shared/replicas';

/**
 * The pool that builds a job: the one it asks for, else the default one if that builds all of its platforms, else the first by
 * name that does. While no replica was ever heard of, the default one.
 * Throws `pool_not_found`, or `platform_unsupported`.
 */
export function choosePool(
  { pool: wanted, platforms }: Pick<JobSpec, 'pool' | 'platforms'>,
  pools: readonly PoolState[],
): string {
  if (wanted !== undefined) {
    const pool = pools.find(({ name }) => name === wanted);
    if (pool) {
      if (buildsAll(pool, platforms)) return wanted;
      const missing = platforms.filter((platform) => !builds(pool, platform)).join(', ');
      throw refused(
        'platform_unsupported',
        '/platforms',
        `The pool ${wanted} does not build ${missing}; ${listed(pools)}.`,
      );
    }
    if (pools.length > 0 || wanted !== defaultPool) {
      throw refused('pool_not_found', '/pool', `There is no pool ${wanted}; ${listed(pools)}.`);
    }
  }
  if (pools.length === 0) return defaultPool;
  const able = pools.filter((pool) => buildsAll(pool, platforms));
  const chosen = able.find(({ name }) => name === defaultPool) ?? able[0];
  if (chosen) return chosen.name;
  throw refused(
    'platform_unsupported',
    '/platforms',
    `No pool builds ${platforms.join(' and ')}${platforms.length > 1 ? ' together' : ''}; ${listed(pools)}.`,
  );
}

const buildsAll = (pool: PoolState, platforms: readonly string[]) =>
  platforms.every((platform) => builds(pool, platform));

function builds({ platforms }: PoolState, platform: string): boolean {
  return (
    platforms.length === 0 || platforms.some((other) => normalPlatform(other) === normalPlatform(platform))
  );
}

function listed(pools: readonly PoolState[]): string {
  if (pools.length === 0) return 'no replica was heard of yet';
  return `there are ${pools
    .map(
      ({ name, platforms }) => `${name} (${platforms.length === 0 ? 'any platform' : platforms.join(', ')})`,
    )
    .join(', ')}`;
}

function refused(code: ErrorCode, path: string, message: string): SlipwayError {
  return new SlipwayError(code, message, { errors: [{ path, message }] });
}
