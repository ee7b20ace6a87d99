import { addressOf } from '@slipway/control-plane/replicas';
import type { Fields } from '@slipway/shared/config';
import type { TerminalState } from '@slipway/shared/contracts';
import { type ErrorCode, errorCodes, errorRow, isStorageCode } from '@slipway/shared/errors';
import { Counter, Gauge, Histogram, type Registry } from '@slipway/shared/metrics';
import { FunctionNames } from './stats/function-names.js';

export interface MetricsConfig {
  /** Number of functions that are counted by name; 0 for none. */
  readonly metricsFunctions: number;
}

export function metricsConfig(fields: Fields): MetricsConfig {
  return {
    metricsFunctions: fields.int('METRICS_FUNCTIONS', {
      doc: 'Functions counted by name in `slipway_function_jobs_total`, the first that appear; all others are `other`. 0 for none',
      default: 0,
      max: 1_000,
    }),
  };
}

/** Result of an attempt to deliver a message; `failed` is retried. */
export type DeliveryOutcome =
  | 'delivered'
  | 'failed'
  | 'exhausted'
  | 'gone'
  | 'refused'
  | 'rejected'
  | 'canceled'
  | 'stale';

export interface WorkerMetrics {
  readonly registry: Registry;
  readonly deliveriesRefused: Counter;
  readonly assembledBytes: Counter;
  readonly replaced: Counter<'code'>;
  readonly placementsRepeated: Counter<'code'>;
  readonly storageFaults: Counter<'code'>;
  readonly circuits: Counter<'replica' | 'change'>;
  readonly deliveries: Counter<'outcome'>;
  readonly endpointsDisabled: Counter<'reason'>;
  readonly reconciled: Counter<'finding'>;
  readonly takeovers: Counter<'outcome'>;
  readonly events: Counter;
  attempt(outcome: string, seconds: number): void;
  waited(pool: string, seconds: number): void;
  built(pool: string, seconds: number): void;
  jobEnded(pool: string, state: TerminalState): void;
  /** An attempt has ended its job so, for good. */
  attemptEndedJob(functionName: string | undefined, end: { state: TerminalState; code?: ErrorCode }): void;
  /** From the creation of a message to its arrival. */
  delivered(seconds: number): void;
}

interface MetricsOptions {
  readonly registry: Registry;
  /** Number of functions with their own label; 0 for none. */
  readonly maxFunctions: number;
}

const buildBuckets = [0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800];

export function createMetrics(options: MetricsOptions): WorkerMetrics {
  const { registry, maxFunctions } = options;
  const registers = [registry];
  const functions = new FunctionNames({ max: maxFunctions });
  const attempts = new Histogram({
    name: 'slipway_attempt_duration_seconds',
    help: 'Duration of attempts, by outcome',
    labelNames: ['outcome'],
    buckets: buildBuckets,
    registers,
  });
  const waits = new Histogram({
    name: 'slipway_job_wait_seconds',
    help: 'Waiting time of jobs at the start of an attempt',
    labelNames: ['pool'],
    buckets: [0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 300, 1800, 7200],
    registers,
  });
  const builds = new Histogram({
    name: 'slipway_build_duration_seconds',
    help: 'Duration of successful builds, as reported by the replicas',
    labelNames: ['pool'],
    buckets: buildBuckets,
    registers,
  });
  const ended = new Counter({
    name: 'slipway_jobs_ended_total',
    help: 'Jobs that ended, in any process',
    labelNames: ['pool', 'state'],
    registers,
  });
  const failures = new Counter({
    name: 'slipway_job_failures_total',
    help: 'Jobs that failed at the end of an attempt, by code and fault',
    labelNames: ['code', 'fault'],
    registers,
  });
  const ofFunctions = new Counter({
    name: 'slipway_function_jobs_total',
    help: 'Jobs that ended with an attempt, by function; only with METRICS_FUNCTIONS',
    labelNames: ['function', 'state'],
    registers,
  });
  const delays = new Histogram({
    name: 'slipway_webhook_delay_seconds',
    help: 'Time from the creation of a webhook message to its arrival',
    buckets: [0.03, 0.1, 0.3, 1, 3, 10, 60, 600, 3600, 43_200, 259_200],
    registers,
  });
  const endpointsDisabled = new Counter({
    name: 'slipway_webhook_endpoints_disabled_total',
    help: 'Webhook endpoints that Slipway disabled because their deliveries fail',
    labelNames: ['reason'],
    registers,
  });
  const placementsRepeated = new Counter({
    name: 'slipway_placements_repeated_total',
    help: 'Jobs that went back to the queue for the fifth time or more, because no replica could build them',
    labelNames: ['code'],
    registers,
  });
  const takeovers = new Counter({
    name: 'slipway_takeovers_total',
    help: 'Builds without a worker: continued by this worker, or lost by their replica and built again',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['continued', 'lost']) takeovers.inc({ outcome }, 0);
  const storageFaults = new Counter({
    name: 'slipway_storage_faults_total',
    help: 'Tries of jobs whose source could not be read, and logs that could not be stored, because the blob store was away',
    labelNames: ['code'],
    registers,
  });
  for (const code of errorCodes.filter(isStorageCode)) storageFaults.inc({ code }, 0);
  for (const code of ['builder_unreachable', 'engine_unreachable'] as const)
    placementsRepeated.inc({ code }, 0);
  // So that the first one is an increase.
  for (const reason of ['gone', 'failing', 'failed_in_a_row'] as const) endpointsDisabled.inc({ reason }, 0);
  return {
    registry,
    attempt: (outcome, seconds) => attempts.observe({ outcome }, seconds),
    waited: (pool, seconds) => waits.observe({ pool }, seconds),
    built: (pool, seconds) => builds.observe({ pool }, seconds),
    jobEnded: (pool, state) => ended.inc({ pool, state }),
    attemptEndedJob(functionName, { state, code }) {
      if (state === 'failed' && code) failures.inc({ code, fault: errorRow(code).fault });
      const name = functions.labelOf(functionName);
      if (name !== undefined) ofFunctions.inc({ function: name, state });
    },
    delivered: (seconds) => delays.observe(seconds),
    deliveriesRefused: new Counter({
      name: 'slipway_webhook_deliveries_refused_total',
      help: 'Messages that were not created because their tenant has no room for them',
      registers,
    }),
    assembledBytes: new Counter({
      name: 'slipway_payload_bytes_total',
      help: 'Bytes of payloads sent to replicas',
      registers,
    }),
    replaced: new Counter({
      name: 'slipway_replaced_total',
      help: 'Calls that a replica refused, by code; they cost no attempt',
      labelNames: ['code'],
      registers,
    }),
    placementsRepeated,
    storageFaults,
    circuits: new Counter({
      name: 'slipway_circuit_changes_total',
      help: 'Circuits of replicas that opened or closed',
      labelNames: ['replica', 'change'],
      registers,
    }),
    deliveries: new Counter({
      name: 'slipway_webhook_deliveries_total',
      help: 'Attempts to deliver a webhook message',
      labelNames: ['outcome'],
      registers,
    }),
    endpointsDisabled,
    reconciled: new Counter({
      name: 'slipway_reconciled_total',
      help: 'Jobs that the reconciler put back into the queue, by what it found',
      labelNames: ['finding'],
      registers,
    }),
    takeovers,
    events: new Counter({
      name: 'slipway_events_settled_total',
      help: 'Events delivered to all subscribers',
      registers,
    }),
  };
}

/** Exports the number of builds of this worker on each replica. */
export function measureFleet({
  registry,
  placement,
}: {
  readonly registry: Registry;
  readonly placement: { inFlight(): ReadonlyMap<string, number> };
}): void {
  new Gauge({
    name: 'slipway_replica_builds_in_flight',
    help: 'Builds of this worker on each replica',
    labelNames: ['replica'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [replica, count] of placement.inFlight()) this.inc({ replica: addressOf(replica) }, count);
    },
  });
}

/** Exports whether this worker is the leader. */
export function measureLeader({
  registry,
  leader,
}: {
  readonly registry: Registry;
  readonly leader: { readonly leading: boolean };
}): void {
  new Gauge({
    name: 'slipway_leader',
    help: '1 if this worker is the leader',
    registers: [registry],
    collect() {
      this.set(leader.leading ? 1 : 0);
    },
  });
}

/** Exports how long this worker took no jobs because its event loop lagged. */
export function measureOverload({
  registry,
  eventLoop,
}: {
  readonly registry: Registry;
  readonly eventLoop: { readonly overloadSeconds: number };
}): void {
  new Counter({
    name: 'slipway_worker_overload_seconds_total',
    help: 'Seconds in which the worker took no jobs because its event loop lagged',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(eventLoop.overloadSeconds);
    },
  });
}

/** Exports when the locks and slots of this worker were renewed, and how often that was late. */
export function measureRenewal({
  registry,
  renewal,
}: {
  readonly registry: Registry;
  readonly renewal: { readonly ageSeconds: number; readonly lateRounds: number };
}): void {
  new Gauge({
    name: 'slipway_worker_renewal_age_seconds',
    help: 'Seconds since the locks and slots of the worker were renewed',
    registers: [registry],
    collect() {
      this.set(renewal.ageSeconds);
    },
  });
  new Counter({
    name: 'slipway_worker_renewals_late_total',
    help: "Renewals that came after two thirds of the life of the worker's locks and slots",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(renewal.lateRounds);
    },
  });
}
