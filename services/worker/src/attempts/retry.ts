import { type ErrorCode, errorRow } from '@slipway/shared/errors';

export type Decision =
  | { readonly kind: 'fail' }
  | { readonly kind: 'requeue'; readonly spent: boolean; readonly delayMs: number };

interface RetryQuestion {
  readonly code: ErrorCode;
  /** Attempts spent before this one. */
  readonly spent: number;
  readonly maxAttempts: number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
}

/** Base and cap of the exponential delay, in milliseconds, for each rule that waits. */
const delays = {
  backoff: { base: 1_000, cap: 60_000 },
  long_backoff: { base: 60_000, cap: 30 * 60_000 },
} as const;

const replaceDelayMs = 250;

/** The one place that decides whether an attempt that ended with a code is followed by another, and when. */
export function decideRetry({ code, spent, maxAttempts, random }: RetryQuestion): Decision {
  const { retry } = errorRow(code);
  switch (retry) {
    case 'never':
      return { kind: 'fail' };
    case 'replace':
      return { kind: 'requeue', spent: false, delayMs: replaceDelayMs * (1 + random()) };
    case 'backoff':
    case 'long_backoff': {
      if (spent + 1 >= maxAttempts) return { kind: 'fail' };
      const { base, cap } = delays[retry];
      // Half fixed, half random: neither a thundering herd nor a retry at once.
      return {
        kind: 'requeue',
        spent: true,
        delayMs: Math.min(cap, base * 2 ** spent) * (0.5 + random() / 2),
      };
    }
    default:
      return retry satisfies never;
  }
}
