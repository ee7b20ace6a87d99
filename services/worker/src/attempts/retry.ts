import type { Attempt } from '@slipway/shared/contracts';
import { type ErrorCode, errorCodes, errorRow, isStorageCode } from '@slipway/shared/errors';

export type Decision =
  | { readonly kind: 'fail' }
  | {
      readonly kind: 'requeue';
      readonly spent: boolean;
      /** The record keeps the attempt. */
      readonly listed: boolean;
      readonly delayMs: number;
    };

/** The latest attempts in a row that ended with a fault of a registry. */
interface RegistryFaults {
  readonly count: number;
  /** Milliseconds since the first of them ended, by Redis' clock; 0 when there is none. */
  readonly forMs: number;
}

interface RetryQuestion {
  readonly code: ErrorCode;
  /** The message of the error. It may contain the delay that the registry asks for. */
  readonly detail: string;
  /** Attempts spent before this one. */
  readonly spent: number;
  /** Times that the job was placed again before, without an attempt spent. */
  readonly placements: number;
  /** True if a replica had begun the build and shut down. `code` is `builder_draining` then. */
  readonly isDropped: boolean;
  /** Attempts before this one that ended in this way. */
  readonly drops: number;
  readonly maxAttempts: number;
  readonly registry: RegistryFaults;
  /** Milliseconds that a job is retried while a registry's faults end its attempts. */
  readonly registryRetryMs: number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
}

/** Base and cap of the exponential delay, in milliseconds, for each rule that waits. */
const delays = {
  backoff: { base: 1_000, cap: 60_000 },
  long_backoff: { base: 60_000, cap: 30 * 60_000 },
} as const;

/** Limit of the delay, so that a job runs soon after its registry is back. */
const registryDelayCapMs = 15_000;

/** The delay before a job is placed again, in milliseconds. It doubles each time. */
const placementDelay = { base: 250, cap: 30_000 };
/** A replica that refuses builds because it is full or shuts down has room again soon. */
const refusalDelay = { base: 250, cap: 4_000 };
/** From this number of placements on, each one spends an attempt, so that the job ends. */
const maxPlacements = 50;

/** From this number of attempts on that shutdowns of replicas ended, each one is spent: the job may be the reason for them. */
const maxDrops = 10;

const isRefusal = (code: ErrorCode) => code === 'builder_busy' || code === 'builder_draining';

/** Returns true if the job was placed too often for chance. An operator must check the fleet. */
export const isRepeated = ({ code, placements }: Pick<RetryQuestion, 'code' | 'placements'>) =>
  errorRow(code).retry === 'replace' && !isRefusal(code) && placements >= 4;

/** Returns true for a fault of the blob store, which comes back. A builder reports `storage_full` for its own disk. */
export const isStoreFault = (code: ErrorCode) => isStorageCode(code) && code !== 'storage_full';

/** Decides whether another attempt follows, and when. No other code decides that. */
export function decideRetry(question: RetryQuestion): Decision {
  const { code, spent, placements, maxAttempts, random } = question;
  const { retry: usual, fault } = errorRow(code);
  if (question.isDropped) return replaceDropped(question);
  const isBound = placements >= maxPlacements && !isRefusal(code);
  const isPlacedAgain = usual === 'replace' || isStoreFault(code);
  const retry = isPlacedAgain ? (isBound ? 'backoff' : 'replace') : usual;
  switch (retry) {
    case 'never':
      return { kind: 'fail' };
    case 'replace': {
      const { base, cap } = isRefusal(code) ? refusalDelay : placementDelay;
      const delayMs = Math.min(cap, base * 2 ** placements) * (1 + random());
      return { kind: 'requeue', spent: false, listed: false, delayMs };
    }
    case 'backoff':
    case 'long_backoff': {
      if (fault === 'registry') return waitForRegistry(retry, question);
      if (spent + 1 >= maxAttempts) return { kind: 'fail' };
      return { kind: 'requeue', spent: true, listed: true, delayMs: backoffMs(retry, spent, random) };
    }
    default:
      return retry satisfies never;
  }
}

/** The record keeps the attempt, which is the reason why the build runs again. */
function replaceDropped({ drops, spent, maxAttempts, random }: RetryQuestion): Decision {
  const isSpent = drops >= maxDrops;
  if (isSpent && spent + 1 >= maxAttempts) return { kind: 'fail' };
  const delayMs = Math.min(refusalDelay.cap, refusalDelay.base * 2 ** drops) * (1 + random());
  return { kind: 'requeue', spent: isSpent, listed: true, delayMs };
}

/** Returns a delay, half fixed and half random, so that jobs do not all retry at once. */
function backoffMs(retry: keyof typeof delays, before: number, random: () => number): number {
  const { base, cap } = delays[retry];
  return Math.min(cap, base * 2 ** before) * (0.5 + random() / 2);
}

function waitForRegistry(
  retry: keyof typeof delays,
  { detail, registry, registryRetryMs, random }: RetryQuestion,
): Decision {
  if (registry.forMs >= registryRetryMs) return { kind: 'fail' };
  const asked = retryAfterMs(detail);
  const usual = backoffMs(retry, registry.count, random);
  const delayMs =
    asked !== undefined
      ? Math.max(asked, delays.backoff.base) * (1 + random() / 4)
      : retry === 'backoff'
        ? Math.min(registryDelayCapMs, usual)
        : usual;
  // The last attempt comes when the time is up, not after it.
  const leftMs = Math.max(delays.backoff.base, registryRetryMs - registry.forMs);
  return { kind: 'requeue', spent: false, listed: true, delayMs: Math.min(delayMs, leftMs) };
}

const unitsMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, '': 1_000 };

/** Returns the delay that a registry's message asks for: `retry-after: 30`, in seconds, or a Go duration of one unit. */
function retryAfterMs(detail: string): number | undefined {
  const [, number, unit = ''] = /\bretry-after: ?(\d{1,7}(?:\.\d{1,9})?)([a-zµμ]*)/i.exec(detail) ?? [];
  if (number === undefined) return undefined;
  return Number(number) * (unitsMs[unit] ?? 0);
}

const dropped: ErrorCode = 'builder_draining';

/** Returns the number of attempts that shutdowns of replicas ended. */
export const dropsOf = (attempts: readonly Attempt[]) =>
  attempts.filter(({ outcome }) => outcome === dropped).length;

/** Returns the faults of registries that ended the latest attempts of a job. `nowMs` is Redis' time. */
export function registryFaults(attempts: readonly Attempt[], nowMs: number): RegistryFaults {
  const ended = attempts.filter(({ outcome }) => outcome !== undefined && outcome !== dropped);
  const before = ended.findLastIndex(({ outcome }) => !isOfRegistry(outcome));
  const faults = ended.slice(before + 1);
  const since = faults[0]?.finished_at;
  return { count: faults.length, forMs: since === undefined ? 0 : Math.max(0, nowMs - Date.parse(since)) };
}

function isOfRegistry(outcome: string | undefined): boolean {
  const code = errorCodes.find((known) => known === outcome);
  return code !== undefined && errorRow(code).fault === 'registry';
}
