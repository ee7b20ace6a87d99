import type { JobRecord, JobStore } from '@slipway/control-plane/jobs';
import { logKeys } from '@slipway/control-plane/logs';
import { onlyReadable } from '@slipway/control-plane/records';
import type { BlobStore } from '@slipway/shared/blobs';
import type { Fields } from '@slipway/shared/config';
import type { TerminalState } from '@slipway/shared/contracts';
import { timeOfId } from '@slipway/shared/ids';
import type { Logger } from '@slipway/shared/logger';
import type { LeaderTask } from './leader.js';
import type { RemovalBudget } from './removal-budget.js';

/** Retention of records of ended jobs. */
export interface RetentionConfig {
  readonly days: number;
  /** For jobs that failed. */
  readonly failedDays: number;
  /** Ended jobs of all kinds; the oldest go first, those that failed last. */
  readonly jobs: number;
}

export function retentionConfig(fields: Fields): RetentionConfig {
  return {
    days: fields.int('RETENTION_DAYS', {
      doc: 'How long records of jobs that succeeded or were canceled are kept, with their logs',
      default: 30,
      min: 1,
    }),
    failedDays: fields.int('RETENTION_FAILED_DAYS', {
      doc: 'The same for jobs that failed',
      default: 90,
      min: 1,
    }),
    jobs: fields.int('RETENTION_JOBS', {
      doc: 'Limit of records of ended jobs. Beyond it the oldest are removed, failed jobs last, and none within an hour of its end',
      default: 100_000,
      min: 1,
    }),
  };
}

interface RetentionOptions {
  readonly store: Pick<JobStore, 'count' | 'oldest' | 'getOutline' | 'remove'>;
  readonly blobs: Pick<BlobStore, 'removeAll'>;
  readonly config: RetentionConfig;
  /** Limits how many records may be removed for their age. Records beyond the number limit are removed without it, because no clock decides that. */
  readonly budget: Pick<RemovalBudget, 'left' | 'spent'>;
  readonly now: () => number;
  readonly logger: Logger;
}

const dayMs = 24 * 3600 * 1_000;
/** Milliseconds that every ended job is kept, at any number of records, so that its end can be reported and read. */
const leastMs = 3600 * 1_000;
const removedAtOnce = 500;
/** Pages of ids that one call looks at for one state. */
const mostPages = 20;
/** The order in which those that are too many go. */
const states: readonly TerminalState[] = ['canceled', 'succeeded', 'failed'];

/** Removes the records of jobs that ended long ago, or of which there are too many, with their logs; a few hundred a call. */
export class Retention implements LeaderTask {
  readonly name = 'retention';
  readonly usesStore = true;
  readonly everyMs = 1_000;
  readonly #options: RetentionOptions;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, config, now, logger } = this.#options;
    const total = (await Promise.all(states.map((state) => store.count(state)))).reduce(
      (sum, count) => sum + count,
      0,
    );
    const old = await this.#removeOld(total);
    let left = removedAtOnce - old;
    let tooMany = Math.min(left, total - old - config.jobs);
    for (const state of states) {
      if (signal.aborted) break;
      const removed = await this.#removeOldest(state, now() - leastMs, tooMany);
      left -= removed;
      tooMany -= removed;
    }
    if (left < removedAtOnce) logger.info({ removed: removedAtOnce - left }, 'removed records of ended jobs');
  }

  /** Returns how many were removed for their age. */
  async #removeOld(total: number): Promise<number> {
    const { config, budget, now } = this.#options;
    const most = Math.min(removedAtOnce, await budget.left(total));
    let left = most;
    for (const state of states) {
      const keptMs = (state === 'failed' ? config.failedDays : config.days) * dayMs;
      left -= await this.#removeOldest(state, now() - keptMs, left);
    }
    await budget.spent(most - left);
    return most - left;
  }

  /** Removes up to a number of records that ended before a time. Returns how many it removed. */
  async #removeOldest(state: TerminalState, endedBefore: number, most: number): Promise<number> {
    const { store } = this.#options;
    if (most <= 0) return 0;
    // Ids sort by when jobs were submitted, and none ends before that.
    let removed = 0;
    let after: string | undefined;
    // Records that cannot be read stay at the front: the pages after them are looked at too.
    for (let page = 0; page < mostPages && removed < most; page++) {
      const ids = await store.oldest(state, most - removed, after);
      after = ids.at(-1);
      const old = ids.filter((id) => timeOfId(id) < endedBefore);
      const records = await onlyReadable(old.map((id) => store.getOutline(id)));
      const due = records.filter((record) => ended(record, endedBefore));
      removed += await removeWithLogs(due, endedBefore, this.#options);
      if (old.length < most || records.length === old.length) break;
    }
    return removed;
  }
}

export interface RemoveDeps {
  readonly store: Pick<JobStore, 'remove'>;
  readonly blobs: Pick<BlobStore, 'removeAll'>;
}

/**
 * Removes records with their logs, except those that have ended later. Returns the number of removed records. The logs go first, in one
 * batch: a worker that is stopped in between, or whose blob store is away, finds the records again.
 */
export async function removeWithLogs(
  records: readonly JobRecord[],
  endedBefore: number,
  { store, blobs }: RemoveDeps,
): Promise<number> {
  if (records.length === 0) return 0;
  await blobs.removeAll(records.flatMap(logKeys));
  const removed = await Promise.all(records.map((record) => store.remove(record, endedBefore)));
  return removed.filter(Boolean).length;
}

const ended = ({ finishedAt }: JobRecord, before: number) => finishedAt !== undefined && finishedAt < before;
