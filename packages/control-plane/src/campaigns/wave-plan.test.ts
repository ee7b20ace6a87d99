import { maxWaves } from '@slipway/shared/contracts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planWaves, startOfWave, waveOf } from './wave-plan.js';

it.each([
  [20, { canary: 5, size: '25%' }, [5, 5, 5, 5]],
  [20, { canary: 5, size: '50%' }, [5, 10, 5]],
  [20, { canary: 5, size: '100%' }, [5, 15]],
  [20, { size: '100%' }, [20]],
  [7, { canary: 1, size: 3 }, [1, 3, 3]],
  [3, { canary: 5, size: '25%' }, [3]],
  [10, { size: '33%' }, [4, 4, 2]],
  [1, { canary: 1, size: 1 }, [1]],
])('%i functions by %j make waves of %j', (total, waves, sizes) => {
  expect(planWaves(total, waves)).toEqual(sizes);
});

it('refuses a plan with too many waves, and names the field', () => {
  expect(planWaves(50, { size: 1 })).toHaveLength(maxWaves);
  expect(() => planWaves(51, { size: 1 })).toThrow(
    expect.objectContaining({
      code: 'request_invalid',
      errors: [{ path: '/waves/size', message: expect.stringContaining('50 waves') }],
    }),
  );
});

it('puts every function into exactly one wave, in order, with no wave larger than planned', () => {
  const aSize = fc.oneof(
    fc.integer({ min: 1, max: 5_000 }),
    fc.integer({ min: 1, max: 100 }).map((share) => `${share}%`),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.option(fc.integer({ min: 1, max: 5_000 }), { nil: undefined }),
      aSize,
      (total, canary, size) => {
        let sizes: number[];
        try {
          sizes = planWaves(total, { canary, size });
        } catch (error) {
          expect(error).toMatchObject({ code: 'request_invalid' });
          return;
        }
        const most = typeof size === 'number' ? size : Math.ceil((total * Number.parseInt(size, 10)) / 100);
        expect(sizes[0]).toBe(Math.min(total, canary ?? most));
        expect(Math.min(...sizes)).toBeGreaterThan(0);
        expect(sizes.slice(1, -1).every((each) => each === most)).toBe(true);
        expect(sizes.length === 1 || (sizes.at(-1) ?? 0) <= most).toBe(true);
        // The places of the waves, one after the other, are all places in order.
        const places = sizes.flatMap((count, at) =>
          Array.from({ length: count }, (_, offset) => startOfWave(at + 1, sizes) + offset),
        );
        expect(places).toEqual(Array.from({ length: total }, (_, place) => place));
        const ends = sizes.map((count, at) => startOfWave(at + 1, sizes) + count - 1);
        for (const [at, end] of ends.entries()) {
          expect([waveOf(startOfWave(at + 1, sizes), sizes), waveOf(end, sizes)]).toEqual([at + 1, at + 1]);
        }
      },
    ),
  );
});
