import { Counter, Gauge, Histogram, Registry } from '@slipway/shared/metrics';

/** What came of an attempt to deliver a message; `failed` is tried again. */
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
  readonly assembledBytes: Counter;
  readonly replaced: Counter<'code'>;
  readonly circuits: Counter<'replica' | 'change'>;
  readonly deliveries: Counter<'outcome'>;
  readonly reconciled: Counter<'finding'>;
  attempt(outcome: string, seconds: number): void;
}

interface MetricsOptions {
  /** This worker's builds on each replica. */
  readonly inFlight: () => ReadonlyMap<string, number>;
}

export function createMetrics({ inFlight }: MetricsOptions): WorkerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const attempts = new Histogram({
    name: 'slipway_attempt_duration_seconds',
    help: 'Attempts by how they ended, and how long they took',
    labelNames: ['outcome'],
    buckets: [0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800],
    registers,
  });
  new Gauge({
    name: 'slipway_replica_builds_in_flight',
    help: 'Builds of this worker on each replica',
    labelNames: ['replica'],
    registers,
    collect() {
      for (const [replica, builds] of inFlight()) this.set({ replica }, builds);
    },
  });
  return {
    registry,
    attempt: (outcome, seconds) => attempts.observe({ outcome }, seconds),
    assembledBytes: new Counter({
      name: 'slipway_payload_bytes_total',
      help: 'Bytes of payloads sent to replicas',
      registers,
    }),
    replaced: new Counter({
      name: 'slipway_replaced_total',
      help: 'Calls that a replica did not take, by code; they cost no attempt',
      labelNames: ['code'],
      registers,
    }),
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
    reconciled: new Counter({
      name: 'slipway_reconciled_total',
      help: 'Jobs that the reconciler put back into the queue, by what it found',
      labelNames: ['finding'],
      registers,
    }),
  };
}
