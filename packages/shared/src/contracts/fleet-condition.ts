/** Facts of a replica that decide whether it receives builds. */
export interface ReplicaFacts {
  readonly health: 'up' | 'down' | 'unknown';
  readonly readiness: 'ready' | 'full' | 'broken' | 'draining' | 'unknown';
  readonly circuit: 'closed' | 'open' | 'probing';
  readonly draining: boolean;
}

export type ReplicaCondition =
  | 'down'
  | 'broken'
  | 'circuit open'
  | 'circuit probing'
  | 'draining'
  | 'unknown'
  | 'full'
  | 'up';

/** Returns the most important condition of a replica: faults first. */
export function replicaCondition({ health, readiness, circuit, draining }: ReplicaFacts): ReplicaCondition {
  if (health === 'down') return 'down';
  if (readiness === 'broken') return 'broken';
  if (circuit !== 'closed') return `circuit ${circuit}`;
  if (draining || readiness === 'draining') return 'draining';
  if (health === 'unknown') return 'unknown';
  return readiness === 'full' ? 'full' : 'up';
}

/** Returns true when the replica receives further builds. A full replica receives them once a slot is free. */
export const receivesBuilds = (facts: ReplicaFacts): boolean =>
  ['full', 'up'].includes(replicaCondition(facts));
