import { createLogger } from '@slipway/shared/logger';
import { describe, expect, it } from 'vitest';
import { parseBuilders } from './builders.js';
import { declaredPools, PoolDeclarations, parsePools } from './pools.js';

describe('POOLS', () => {
  it('names pools, each with optional settings', () => {
    expect(parsePools('arm#platforms=aarch64+linux/arm/v7&max=4&drain=120, gpu')).toEqual([
      { name: 'arm', platforms: ['linux/arm/v7', 'linux/arm64'], slots: 4, drainMs: 120_000 },
      { name: 'gpu', platforms: [], slots: undefined, drainMs: undefined },
    ]);
  });

  it.each([
    [',', 'names no pool'],
    ['ARM', "not 'ARM'"],
    ['#max=4', "not ''"],
    ['arm,arm#max=2', 'names the pool arm twice'],
    ['arm#max=0', "not '0'"],
    ['arm#pool=gpu', 'before the #'],
    ['arm#drain=0', "not 'drain=0'"],
    ['arm#drain=86401', "not 'drain=86401'"],
    ['arm#drain=5m', "not 'drain=5m'"],
    ['arm#drain=5&drain=6', 'once'],
    ['arm#min=1', "'#min=1'"],
    ['arm#max=1#max=2', "not '1#max=2'"],
    ['arm#platforms=linux', "not 'linux'"],
    ['http://a:8081', "not 'http://a:8081'"],
  ])('cannot be %j', (text, message) => {
    expect(() => parsePools(text)).toThrow(message);
  });
});

describe('the pools that a worker declares', () => {
  const declared = (builders: string, pools = '') =>
    declaredPools({
      builders: parseBuilders(builders),
      pools: pools === '' ? [] : parsePools(pools),
      poolDrainTargetMs: 300_000,
    });

  it('are those of its builders, also of a name without addresses, with the least of their limits', () => {
    expect(
      declared('http://a#max=4,http://b#max=2,http://c,dns+http://arm#pool=arm&platforms=linux/arm64'),
    ).toEqual([
      { name: 'default', platforms: [], slots: 2, drainMs: 300_000 },
      { name: 'arm', platforms: ['linux/arm64'], slots: undefined, drainMs: 300_000 },
    ]);
  });

  it('include those of POOLS, whose settings precede those of builders', () => {
    expect(declared('dns+http://arm#pool=arm&platforms=linux/arm64&max=2', 'gpu#drain=60,arm#max=8')).toEqual(
      [
        { name: 'gpu', platforms: [], slots: undefined, drainMs: 60_000 },
        { name: 'arm', platforms: ['linux/arm64'], slots: 8, drainMs: 300_000 },
      ],
    );
  });

  it('cannot have other platforms than their builders', () => {
    expect(() => declared('http://a#pool=arm&platforms=linux/arm64', 'arm#platforms=linux/arm/v7')).toThrow(
      'the pool arm',
    );
    expect(() => declared('http://a#pool=arm', 'arm#platforms=linux/arm/v7')).toThrow('the pool arm');
  });
});

describe('declarations', () => {
  it('go on while Redis is away, and a pool that another worker declares differently is logged once', async () => {
    const lines: string[] = [];
    const logger = createLogger({
      name: 'test',
      level: 'warn',
      destination: { write: (line: string) => lines.push(line) },
    });
    const replies = [new Error('away'), ['arm'], ['arm'], [], ['arm']];
    const stop = new AbortController();
    const declarations = new PoolDeclarations({
      pools: [{ name: 'arm', platforms: [] }],
      registry: {
        async declare() {
          const reply = replies.shift() ?? [];
          if (replies.length === 0) stop.abort();
          if (reply instanceof Error) throw reply;
          return reply;
        },
      },
      logger,
      everyMs: 1,
    });
    await declarations.run(stop.signal);
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
      'pools not declared',
      expect.stringMatching(/^pools had other platforms/),
      expect.stringMatching(/^pools had other platforms/),
    ]);
  });
});
