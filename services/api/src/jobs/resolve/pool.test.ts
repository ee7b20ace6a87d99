import type { PoolState } from '@slipway/control-plane/replicas';
import { SlipwayError } from '@slipway/shared/errors';
import { describe, expect, it } from 'vitest';
import { KnownPools } from './known-pools.js';
import { choosePool } from './pool.js';

const amd: PoolState = { name: 'amd', platforms: ['linux/amd64'] };
const arm: PoolState = { name: 'arm', platforms: ['linux/arm/v7', 'linux/arm64'] };
const any: PoolState = { name: 'default', platforms: [] };

const choose = (
  pools: readonly PoolState[],
  platforms: readonly string[],
  pool?: string,
  allowed?: readonly string[],
) => {
  try {
    const wanted = { platforms: [...platforms], ...(pool !== undefined && { pool }) };
    const placed = choosePool(wanted, pools, allowed);
    return placed.parts ?? placed.pool;
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    return { code: error.code, message: error.message };
  }
};

describe('the pool of a job', () => {
  it('is the default one while no replica is known', () => {
    expect(choose([], ['linux/s390x'])).toBe('default');
    expect(choose([], [], 'default')).toBe('default');
    expect(choose([], [], 'arm')).toMatchObject({ code: 'pool_not_found' });
  });

  it('is the default one if that builds all of its platforms', () => {
    expect(choose([amd, arm, any], ['linux/arm64', 'linux/amd64'])).toBe('default');
    expect(choose([amd, { name: 'default', platforms: ['linux/amd64'] }], ['linux/amd64'])).toBe('default');
  });

  it('is otherwise the first by name that does', () => {
    expect(choose([amd, arm], [])).toBe('amd');
    expect(choose([amd, arm], ['linux/arm64'])).toBe('arm');
    expect(choose([{ name: 'default', platforms: ['linux/amd64'] }, arm], ['linux/arm64'])).toBe('arm');
  });

  it('is the requested one, if that builds its platforms', () => {
    expect(choose([amd, arm, any], ['linux/arm64'], 'arm')).toBe('arm');
    expect(choose([amd, arm, any], [], 'amd')).toBe('amd');
    expect(choose([amd, arm], ['linux/arm64', 'linux/amd64'], 'arm')).toEqual({
      code: 'platform_unsupported',
      message:
        'The pool arm does not build linux/amd64; there are amd (linux/amd64), arm (linux/arm/v7, linux/arm64).',
    });
    expect(choose([amd, any], [], 'arm')).toEqual({
      code: 'pool_not_found',
      message: 'There is no pool arm; there are amd (linux/amd64), default (any platform).',
    });
  });

  it("is one of the tenant's pools, and no error names another", () => {
    expect(choose([amd, arm, any], ['linux/arm64'], undefined, ['arm'])).toBe('arm');
    expect(choose([amd, arm, any], ['linux/arm64'], 'arm', ['amd', 'arm'])).toBe('arm');
    for (const wanted of ['default', 'nowhere']) {
      expect(choose([amd, arm, any], ['linux/arm64'], wanted, ['arm'])).toEqual({
        code: 'pool_not_found',
        message: `There is no pool ${wanted}; there are arm (linux/arm/v7, linux/arm64).`,
      });
    }
    expect(choose([amd, arm, any], ['linux/arm64', 'linux/amd64'], undefined, ['arm'])).toEqual({
      code: 'platform_unsupported',
      message: 'No pool builds linux/amd64; there are arm (linux/arm/v7, linux/arm64).',
    });
    expect(choose([amd, arm, any], ['linux/arm64', 'linux/amd64'], undefined, ['arm', 'amd'])).toEqual([
      { pool: 'amd', platforms: ['linux/amd64'] },
      { pool: 'arm', platforms: ['linux/arm64'] },
    ]);
  });

  it("is the first of the tenant's pools while no replica is known", () => {
    expect(choose([], [], undefined, ['arm', 'amd'])).toBe('arm');
    expect(choose([], [], undefined, ['arm', 'default'])).toBe('default');
    expect(choose([], [], 'arm', ['arm'])).toBe('arm');
    expect(choose([], [], 'default', ['arm'])).toMatchObject({ code: 'pool_not_found' });
    expect(choose([amd, any], [], undefined, ['arm'])).toMatchObject({ code: 'pool_not_found' });
  });

  it('are as few as build all of its platforms together, when none does alone', () => {
    expect(choose([amd, arm], ['linux/amd64', 'linux/arm64', 'linux/arm/v7'])).toEqual([
      { pool: 'arm', platforms: ['linux/arm64', 'linux/arm/v7'] },
      { pool: 'amd', platforms: ['linux/amd64'] },
    ]);
    const pools = [amd, arm, { name: 'default', platforms: ['linux/amd64', 'linux/386'] }];
    expect(choose(pools, ['linux/amd64', 'linux/arm64'])).toEqual([
      { pool: 'default', platforms: ['linux/amd64'] },
      { pool: 'arm', platforms: ['linux/arm64'] },
    ]);
  });

  it('is none when no pools build all of its platforms', () => {
    expect(choose([amd, arm], ['linux/amd64', 'linux/s390x'])).toEqual({
      code: 'platform_unsupported',
      message: 'No pool builds linux/s390x; there are amd (linux/amd64), arm (linux/arm/v7, linux/arm64).',
    });
  });

  it('treats the default variant of an architecture as the same', () => {
    expect(choose([amd, arm], ['linux/arm64/v8', 'linux/arm'])).toBe('arm');
    expect(choose([{ name: 'old', platforms: ['linux/x86_64'] }, arm], ['linux/amd64'])).toBe('old');
    expect(choose([amd, arm], ['linux/arm/v6'])).toMatchObject({ code: 'platform_unsupported' });
  });
});

describe('the known pools', () => {
  it('are read once a second, and again before a refusal', async () => {
    const state = { now: 0, asked: 0, pools: [amd] as PoolState[] };
    const known = new KnownPools({
      registry: {
        async list() {
          state.asked++;
          return state.pools;
        },
      },
      now: () => state.now,
    });
    const place = (pool?: string) =>
      known.decide((pools) => choosePool({ platforms: [], ...(pool !== undefined && { pool }) }, pools));
    await place();
    await place();
    expect(state.asked).toBe(1);
    state.pools = [amd, arm];
    expect(await place('arm')).toEqual({ pool: 'arm' });
    expect(state.asked).toBe(2);
    await expect(place('gpu')).rejects.toMatchObject({ code: 'pool_not_found' });
    expect(state.asked).toBe(3);
    state.now = 1_000;
    await place();
    expect(state.asked).toBe(4);
  });
});
