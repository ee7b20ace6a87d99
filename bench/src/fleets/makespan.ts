import type { JobRecord } from '@slipway/control-plane/jobs';
import type { StatsSnapshot } from '@slipway/simulator';

export interface Replica {
  readonly slots: number;
  /** Build time on this replica, divided by the normal build time. */
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

/**
 * Milliseconds that the builds take when each, in the order given, goes to the slot that is free first, and nothing else
 * takes any time: what can be had without knowing how long a build takes.
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

/** Milliseconds from the first acceptance to the last end, by the clock of Redis. */
export function makespan(records: readonly JobRecord[]): number {
  const first = Math.min(...records.map(({ createdAt }) => createdAt));
  return Math.max(...records.map(({ finishedAt }) => finishedAt ?? Number.NaN)) - first;
}
