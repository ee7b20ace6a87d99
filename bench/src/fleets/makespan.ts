import type { JobRecord } from '@slipway/control-plane/jobs';
import type { StatsSnapshot } from '@slipway/simulator';

export interface Replica {
  readonly slots: number;
  /** Build time on this replica, divided by the normal build time. */
  readonly factor: number;
  readonly stats: StatsSnapshot;
}

/**
 * Returns the milliseconds that no placement can beat: the larger of the work divided by the replicas' total speed, and the
 * longest build. Both use the measured build times.
 */
export function lowerBound(replicas: readonly Replica[]): number {
  const work = replicas.reduce((sum, { stats }) => sum + stats.work_ms, 0);
  const speed = replicas.reduce((sum, { slots, factor }) => sum + slots / factor, 0);
  return Math.max(work / speed, ...replicas.map(({ stats }) => stats.longest_work_ms));
}

/**
 * Returns the makespan in milliseconds when each build, in the given order, goes to the first free slot and nothing else
 * takes time: the best result without knowledge of the build times.
 */
export function inOrder(
  durationsMs: readonly number[],
  replicas: readonly Pick<Replica, 'slots' | 'factor'>[],
): number {
  const slots = replicas.flatMap(({ slots, factor }) =>
    Array.from({ length: slots }, () => ({ factor, free: 0 })),
  );
  for (const ms of durationsMs) {
    const next = slots.reduce((first, slot) => (slot.free < first.free ? slot : first));
    next.free += ms * next.factor;
  }
  return Math.max(...slots.map(({ free }) => free));
}

/** Returns the milliseconds from the first acceptance to the last end, by the clock of Redis. */
export function makespan(records: readonly JobRecord[]): number {
  const first = Math.min(...records.map(({ createdAt }) => createdAt));
  return Math.max(...records.map(({ finishedAt }) => finishedAt ?? Number.NaN)) - first;
}
