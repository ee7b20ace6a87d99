import type { Attempt } from '@slipway/shared/contracts';
import { type ErrorCode, errorCodes, errorRow } from '@slipway/shared/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideRetry, isStoreFault, registryFaults } from './retry.js';

const anyQuestion = fc.record({
  code: fc.constantFrom(...errorCodes),
  spent: fc.nat(20),
  placements: fc.nat(100),
  maxAttempts: fc.integer({ min: 1, max: 20 }),
  forMs: fc.nat(1_200_000),
  draw: fc.double({ min: 0, max: 0.999, noNaN: true }),
});
const registryRetryMs = 600_000;
const notDropped = { isDropped: false, drops: 0 };

function delayOf(
  code: ErrorCode,
  { before = 0, placements = 0, draw = 0, detail = '', forMs = 0 } = {},
): number {
  const registry = { count: before, forMs };
  const question = { code, detail, spent: before, placements, maxAttempts: 100, registry, registryRetryMs };
  const decision = decideRetry({ ...question, ...notDropped, random: () => draw });
  return decision.kind === 'requeue' ? decision.delayMs : Number.NaN;
}

describe('the decision on a retry', () => {
  it('follows the table: a user is never retried, a placement costs nothing, the rest is bounded', () => {
    fc.assert(
      fc.property(anyQuestion, ({ code, spent, placements, maxAttempts, forMs, draw }) => {
        const registry = { count: 3, forMs };
        const question = { code, detail: '', spent, placements, maxAttempts, registry, registryRetryMs };
        const decision = decideRetry({ ...question, ...notDropped, random: () => draw });
        const { retry, fault } = errorRow(code);
        if (retry === 'never') expect(decision).toEqual({ kind: 'fail' });
        else if (
          (retry === 'replace' || isStoreFault(code)) &&
          (placements < 50 || /busy|draining/.test(code))
        )
          expect(decision).toMatchObject({ kind: 'requeue', spent: false, listed: false });
        else if (fault === 'registry') {
          const again = { kind: 'requeue', spent: false, listed: true };
          expect(decision).toMatchObject(forMs < registryRetryMs ? again : { kind: 'fail' });
        } else if (spent + 1 >= maxAttempts) expect(decision).toEqual({ kind: 'fail' });
        else expect(decision).toMatchObject({ kind: 'requeue', spent: true, listed: true });
      }),
    );
  });

  it('a fault of the blob store costs no attempt; the full disk of a builder does', () => {
    const faults = errorCodes.filter(isStoreFault);
    expect(faults).toContain('storage_unavailable');
    expect(faults).not.toContain('storage_full');
    for (const code of faults) expect(delayOf(code, { placements: 10 })).toBe(30_000);
  });

  it('waits longer each time, up to a cap', () => {
    expect([0, 1, 2, 10].map((before) => delayOf('internal', { before }))).toEqual([
      500, 1_000, 2_000, 30_000,
    ]);
    expect(delayOf('internal', { draw: 0.999 })).toBeCloseTo(1_000, -1);
  });

  it('asks a registry that is away every quarter of a minute, and one with a rate limit after minutes', () => {
    expect([0, 1, 2, 10].map((before) => delayOf('push_failed', { before }))).toEqual([
      500, 1_000, 2_000, 15_000,
    ]);
    for (const code of ['pull_rate_limited', 'push_rate_limited'] as const) {
      expect([0, 1, 10].map((before) => delayOf(code, { before }))).toEqual([30_000, 60_000, 600_000]);
    }
  });

  it.each([
    ['toomanyrequests: retry-after: 8s, allowed: 44000/minute', 8_000],
    ['The registry h answered 429 (Retry-After: 45).', 45_000],
    ['toomanyrequests: retry-after: 282.462µs, allowed: 44000/minute', 1_000],
    ['toomanyrequests: retry-after: 9999999h', registryRetryMs],
  ])('waits as long as the registry asks, within the time that is left: %s', (detail, delayMs) => {
    expect(delayOf('push_rate_limited', { detail })).toBe(delayMs);
  });

  it('tries once more when the time is up', () => {
    expect(delayOf('push_rate_limited', { before: 3, forMs: registryRetryMs - 5_000 })).toBe(5_000);
  });

  it('waits longer each time a job is placed again: for a fault of the fleet, and less for a refusal', () => {
    const delays = (code: ErrorCode) => [0, 1, 2, 20].map((placements) => delayOf(code, { placements }));
    expect(delays('engine_unreachable')).toEqual([250, 500, 1_000, 30_000]);
    expect(delays('builder_busy')).toEqual([250, 500, 1_000, 4_000]);
  });

  it('repeats a build that a replica dropped for its shutdown, which costs an attempt only from the tenth time on', () => {
    const decide = (drops: number, spent = 0) =>
      decideRetry({
        ...{ code: 'builder_draining', detail: '', isDropped: true, drops, spent, placements: 0 },
        ...{ maxAttempts: 3, registry: { count: 0, forMs: 0 }, registryRetryMs, random: () => 0 },
      });
    const again = { kind: 'requeue', listed: true };
    expect(decide(0)).toEqual({ ...again, spent: false, delayMs: 250 });
    expect(decide(9)).toEqual({ ...again, spent: false, delayMs: 4_000 });
    expect(decide(10)).toEqual({ ...again, spent: true, delayMs: 4_000 });
    expect(decide(12, 2)).toEqual({ kind: 'fail' });
  });
});

describe('the faults of registries so far', () => {
  const attempt = (outcome: ErrorCode | undefined, second: number): Attempt => ({
    number: second,
    worker: 'w',
    wait_ms: 0,
    started_at: new Date(second * 1_000).toISOString(),
    ...(outcome && { outcome, finished_at: new Date(second * 1_000).toISOString() }),
  });

  it('are those in a row before the attempt that ends, since the first of them', () => {
    const attempts = [
      attempt('push_failed', 1),
      attempt('builder_lost', 2),
      attempt('registry_unreachable', 3),
      attempt('push_failed', 4),
      attempt(undefined, 5),
    ];
    expect(registryFaults(attempts, 10_000)).toEqual({ count: 2, forMs: 7_000 });
    const dropped = [attempt('push_failed', 1), attempt('builder_draining', 2), attempt('push_failed', 3)];
    expect(registryFaults(dropped, 10_000)).toEqual({ count: 2, forMs: 9_000 });
    expect(registryFaults([attempt(undefined, 5)], 10_000)).toEqual({ count: 0, forMs: 0 });
  });
});
