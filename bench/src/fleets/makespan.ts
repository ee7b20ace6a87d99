import type { JobRecord } from '@slipway/shared/jobs';
import type { StatsSnapshot } from '@slipway/simulator';

export interface Replica {
  readonly slots: number;
  /** How many times as long it takes. */
  readonly factor: number;
  readonly stats: StatsSnapshot;
}

/**
 * Milliseconds that no placement can beat: the work that was done, divided by what the replicas do at once, or the
 * longest build, from how long the builds really took.
 */
export function lowerBound(replicas: readonly Replica[]): number {
  const work = replicas.reduce((sum, { stats }) => sum + stats.work_ms, 0);
  const speed = replicas.reduce((sum, { slots, factor }) => sum + slots / factor, 0);
  return Math.max(work / speed, ...replicas.map(({ stats }) => stats.longest_work_ms));
}

/** Milliseconds from the first acceptance to the last end, by the clock of Redis. */
export function makespan(records: readonly JobRecord[]): number {
  const first = Math.min(...records.map(({ createdAt }) => createdAt));
  return Math.max(...records.map(({ finishedAt }) => finishedAt ?? Number.NaN)) - first;
}
