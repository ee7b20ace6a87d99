import type { TerminalState } from '@slipway/shared/contracts';
import { replicaId } from '../replicas/index.js';
import { bucketOf } from './histogram.js';

interface MinuteCountsOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The outcome of one call of a replica. */
export interface CallOutcome {
  /** The URL of the replica. */
  readonly replica: string;
  readonly outcome: 'succeeded' | 'failed' | 'refused' | 'fault';
}

/** The amounts to add, by minute of the epoch and field of its hash. */
export type Counts = ReadonlyMap<number, ReadonlyMap<string, number>>;

/** Minutes to keep while Redis is unreachable. The oldest are dropped. */
const keptMinutes = 15;

/**
 * Counts the events of the minute series in memory, until the caller takes the counts to write them. Fields are `p:<pool>:<what>` and
 * `r:<replica id>:<what>`; `w<n>` and `b<n>` are buckets of waiting and of build times.
 */
export class MinuteCounts {
  readonly #now: () => number;
  #minutes = new Map<number, Map<string, number>>();

  constructor({ now }: MinuteCountsOptions) {
    this.#now = now;
  }

  /** Counts the end of a job. */
  jobEnded(pool: string, state: TerminalState): void {
    this.#add(`p:${pool}:${state}`, 1);
  }

  /** Counts one measurement of the number of waiting jobs. */
  waiting(pool: string, jobs: number): void {
    this.#add(`p:${pool}:looks`, 1);
    this.#add(`p:${pool}:queued`, jobs);
  }

  /** Counts the start of an attempt for a job that had waited this long. */
  started(pool: string, waitMs: number): void {
    this.#add(`p:${pool}:started`, 1);
    this.#add(`p:${pool}:w${bucketOf(waitMs)}`, 1);
  }

  /** Counts a successful build. */
  built(pool: string, buildMs: number): void {
    this.#add(`p:${pool}:builds`, 1);
    this.#add(`p:${pool}:build_ms`, Math.round(buildMs));
    this.#add(`p:${pool}:b${bucketOf(buildMs)}`, 1);
  }

  /** Counts a build that was placed on a replica while its home replica is known. */
  placed(replica: string, home: string): void {
    this.#add(`r:${replicaId(replica)}:placed`, 1);
    if (replica === home) this.#add(`r:${replicaId(replica)}:placed_home`, 1);
  }

  /** Counts the end of a call of a replica. */
  called({ replica, outcome }: CallOutcome): void {
    const of = `r:${replicaId(replica)}`;
    if (outcome === 'succeeded' || outcome === 'failed') this.#add(`${of}:builds`, 1);
    if (outcome !== 'succeeded') this.#add(`${of}:${whatOf[outcome]}`, 1);
  }

  /** Returns the counts since the last call. */
  take(): Counts {
    const taken = this.#minutes;
    this.#minutes = new Map();
    return taken;
  }

  #add(field: string, amount: number): void {
    const minute = Math.floor(this.#now() / 60_000);
    const fields = this.#minutes.get(minute) ?? new Map<string, number>();
    if (fields.size === 0) {
      this.#minutes.set(minute, fields);
      for (const old of this.#minutes.keys()) if (old <= minute - keptMinutes) this.#minutes.delete(old);
    }
    fields.set(field, (fields.get(field) ?? 0) + amount);
  }
}

const whatOf = { failed: 'failures', refused: 'refusals', fault: 'faults' } as const;
