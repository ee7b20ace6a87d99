import { errorCodes, errorRow } from '@slipway/shared/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideRetry } from './retry.js';

const anyQuestion = fc.record({
  code: fc.constantFrom(...errorCodes),
  spent: fc.nat(20),
  maxAttempts: fc.integer({ min: 1, max: 20 }),
  draw: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

describe('the decision on a retry', () => {
  it('follows the table: a user is never retried, a placement costs nothing, the rest is bounded', () => {
    fc.assert(
      fc.property(anyQuestion, ({ code, spent, maxAttempts, draw }) => {
        const decision = decideRetry({ code, spent, maxAttempts, random: () => draw });
        const { retry } = errorRow(code);
        if (retry === 'never') expect(decision).toEqual({ kind: 'fail' });
        else if (retry === 'replace') expect(decision).toMatchObject({ kind: 'requeue', spent: false });
        else if (spent + 1 >= maxAttempts) expect(decision).toEqual({ kind: 'fail' });
        else expect(decision).toMatchObject({ kind: 'requeue', spent: true });
      }),
    );
  });

  it('waits longer each time, up to a cap, and minutes for a rate limit', () => {
    const delay = (code: 'push_failed' | 'pull_rate_limited', spent: number, draw: number) => {
      const decision = decideRetry({ code, spent, maxAttempts: 100, random: () => draw });
      return decision.kind === 'requeue' ? decision.delayMs : Number.NaN;
    };
    expect([0, 1, 2, 10].map((spent) => delay('push_failed', spent, 0))).toEqual([500, 1_000, 2_000, 30_000]);
    expect(delay('push_failed', 0, 0.999)).toBeCloseTo(1_000, -1);
    expect([0, 1, 10].map((spent) => delay('pull_rate_limited', spent, 0))).toEqual([
      30_000, 60_000, 900_000,
    ]);
  });
});
