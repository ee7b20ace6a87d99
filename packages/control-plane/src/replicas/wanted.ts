import type { PoolState } from './pools.js';
import type { ReplicaState } from './registry.js';

/** A build that runs. */
interface RunningBuild {
  /** Milliseconds that it is expected to take; undefined while unknown. */
  readonly expectedMs: number | undefined;
  /** Milliseconds since its start. */
  readonly elapsedMs: number;
}

/** Jobs of one tenant that wait and may run, as far as the tenant's limit of running jobs allows it. */
interface ReadyJobs {
  readonly tenant: string;
  readonly expectedMs: number | undefined;
  /** The number of jobs that this one stands for: large queues are sampled. */
  readonly weight: number;
}

/** The running builds of a pool, and the jobs that may run there. */
export interface PoolDemand {
  /** Mean of the pool's build times in milliseconds. Undefined until a build has succeeded. */
  readonly meanBuildMs: number | undefined;
  /** Running builds. Joining parts is no build. */
  readonly running: number;
  /** Running builds, or a sample of them. */
  readonly builds: readonly RunningBuild[];
  readonly ready: readonly ReadyJobs[];
  /** For each tenant with a limit of running jobs: the number of jobs that may start now. */
  readonly rooms: ReadonlyMap<string, number>;
}

/** The build time that is expected before the first build of a pool. */
const unknownBuildMs = 60_000;
/** Slots that a replica is expected to have when neither the configuration nor a replica tells. */
const defaultSlots = 4;
/** Sums of fractions may exceed a whole number by less than this. */
const rounding = 1e-6;

interface PoolTarget {
  /** Milliseconds in which the waiting jobs are to be built. */
  readonly drainMs: number;
  /** Slots of a replica; undefined while unknown. */
  readonly slots: number | undefined;
}

/**
 * Returns the number of replicas that the pool wants. Each running build and each job that may run takes a share of a slot: its
 * remaining time divided by the target, at most 1. The pool wants the sum of these shares, at least a slot for each running build, and at
 * least one slot if a job may run. docs/adr/0019-wanted-replicas.md explains it.
 */
export function wantedReplicas(demand: PoolDemand, { drainMs, slots = defaultSlots }: PoolTarget): number {
  const usualMs = demand.meanBuildMs ?? unknownBuildMs;
  const share = (ms: number) => Math.min(1, ms / drainMs);
  const running = sum(
    demand.builds.map(({ expectedMs = usualMs, elapsedMs }) => share(Math.abs(expectedMs - elapsedMs))),
  );
  const scale = demand.builds.length === 0 ? 0 : demand.running / demand.builds.length;
  const tenants = [...new Set(demand.ready.map(({ tenant }) => tenant))];
  const ready = tenants.map((tenant) => {
    const jobs = demand.ready.filter((job) => job.tenant === tenant);
    const all = sum(jobs.map(({ weight }) => weight));
    const count = Math.min(all, demand.rooms.get(tenant) ?? all);
    const shares = sum(jobs.map(({ expectedMs = usualMs, weight }) => weight * share(expectedMs)));
    return { count, shares: all === 0 ? 0 : (shares * count) / all };
  });
  const shares = running * scale + sum(ready.map((each) => each.shares));
  const least = ready.some(({ count }) => count > 0) ? 1 : 0;
  const wanted = Math.max(demand.running, least, Math.ceil(shares - rounding));
  return Math.max(0, Math.ceil(wanted / Math.max(1, slots) - rounding));
}

/** The time in which a pool is to be built that no worker of this version declares. */
const usualDrainMs = 5 * 60_000;

/** Returns whether a replica counts as present: it answers and takes builds, or will once its engine is repaired. */
export const isPresent = ({ draining, health, readiness }: ReplicaState): boolean =>
  !draining && health !== 'down' && readiness !== 'draining';

/** Returns the target of a pool. Its replicas tell their slots, else the configuration. */
export function targetOf(pool: PoolState, replicas: readonly ReplicaState[]): PoolTarget {
  const { name, slots, drainMs = usualDrainMs } = pool;
  const limits = replicas
    .filter((replica) => replica.pool === name && isPresent(replica))
    .map(({ limit }) => limit);
  return { drainMs, slots: limits.length > 0 ? sum(limits) / limits.length : slots };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
