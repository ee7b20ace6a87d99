import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextStep as decide, type NextStep, usualDelaysMs } from './next-step.js';

const mostAttempts = usualDelaysMs.length + 1;
const nextStep = (options: Omit<Parameters<typeof decide>[0], 'delaysMs'>) =>
  decide({ delaysMs: usualDelaysMs, ...options });

import type { SendOutcome } from './send.js';

const now = Date.UTC(2026, 0, 1);
const hour = 3_600_000;
const middle = () => 0.5;
const answered = (status: number, retryAfter?: string): SendOutcome => ({
  status,
  response: '',
  headers: { ...(retryAfter !== undefined && { 'retry-after': retryAfter }) },
});
const step = (outcome: SendOutcome, attempt = 1): NextStep =>
  nextStep({ attempt, outcome, now, random: middle, format: 'standard' });
const delay = (outcome: SendOutcome, attempt = 1, random = middle) => {
  const next = nextStep({ attempt, outcome, now, random, format: 'standard' });
  if (next.kind !== 'retry') throw new Error(`not to be sent again: ${next.kind}`);
  return next.at - now;
};

describe('the next step of a delivery', () => {
  it('is sent again by the schedule until its attempts are used up', () => {
    // A clock that each step puts on.
    let clock = now;
    const times: number[] = [];
    for (let attempt = 1; ; attempt++) {
      times.push(clock - now);
      const next = nextStep({
        attempt,
        outcome: answered(500),
        now: clock,
        random: middle,
        format: 'standard',
      });
      if (next.kind !== 'retry') {
        expect(next).toEqual({ kind: 'failed', reason: 'exhausted' });
        break;
      }
      clock = next.at;
    }
    const gaps = times.slice(1).map((time, at) => (time - (times[at] ?? 0)) / 1_000);
    const minutes = [5, 30, 120, 300, 600, 840, 1200, 1440].map((each) => each * 60);
    expect(gaps).toEqual([5, ...minutes]);
    expect(times).toHaveLength(mostAttempts);
  });

  it('is spread by a tenth to both sides', () => {
    expect(delay(answered(500), 2, () => 0)).toBe(270_000);
    expect(delay(answered(500), 2, () => 0.999_999_99)).toBe(330_000);
  });

  it.each([200, 201, 204, 299])('is none after %i', (status) => {
    expect(step(answered(status), 10)).toEqual({ kind: 'delivered' });
  });

  it.each([199, 300, 301, 304, 307, 400, 401, 404, 409, 429, 500, 503, 599])(
    'is a retry after %i',
    (status) => {
      expect(step(answered(status)).kind).toBe('retry');
    },
  );

  it.each(['ECONNREFUSED', 'timed_out', 'UND_ERR_SOCKET', 'HPE_INVALID_CONSTANT'])(
    'is a retry after %s',
    (error) => {
      expect(step({ error }).kind).toBe('retry');
    },
  );

  it('is the end after 410, which switches the endpoint off, and after an address that is not allowed', () => {
    expect(step(answered(410))).toEqual({ kind: 'failed', reason: 'gone', disable: 'gone' });
    expect(step({ error: 'egress_denied' })).toEqual({ kind: 'failed', reason: 'egress_denied' });
  });

  it('is later where Retry-After asks for it, within a day', () => {
    expect(delay(answered(503, '120'))).toBe(120_000);
    expect(delay(answered(503, new Date(now + hour).toUTCString()))).toBe(hour);
    expect(delay(answered(429, '999999'))).toBe(24 * hour);
    expect(delay(answered(429, new Date(now + 100 * hour).toUTCString()))).toBe(24 * hour);
  });

  it.each([
    '0',
    '1',
    '-5',
    '1.5',
    'soon',
    '',
    '2026-01-02',
    new Date(now - hour).toUTCString(),
    '9'.repeat(400),
  ])('is never sooner for a Retry-After of %j', (retryAfter) => {
    expect(delay(answered(503, retryAfter))).toBe(5_000);
  });

  it('goes by the rules of the API that is called', () => {
    const after = (format: 'github_dispatch' | 'gitlab_commit_status', outcome: SendOutcome) =>
      nextStep({ attempt: 1, outcome, format, now, random: middle });
    expect(after('github_dispatch', answered(404))).toEqual({ kind: 'failed', reason: 'refused_404' });
    expect(after('github_dispatch', answered(429))).toEqual({ kind: 'retry', at: now + 60_000 });
    const reached = { status: 400, headers: {}, response: 'Cannot transition status via :run' };
    expect(after('gitlab_commit_status', reached)).toEqual({ kind: 'delivered' });
  });

  it('lies between the schedule less a tenth and a tenth above a day, whatever is answered', () => {
    const attempts = fc.integer({ min: 1, max: mostAttempts - 1 });
    const statuses = fc.integer({ min: 300, max: 599 }).filter((status) => status !== 410);
    const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(attempts, statuses, fc.string(), randoms, (attempt, status, retryAfter, random) => {
        const waited = delay(answered(status, retryAfter), attempt, () => random);
        expect(waited).toBeGreaterThanOrEqual(delay(answered(status), attempt, () => 0));
        expect(waited).toBeLessThanOrEqual(26.4 * hour);
      }),
    );
  });
});
