import type { RegistryState } from '@slipway/control-plane/jobs';
import { addressOf, type ReplicaState } from '@slipway/control-plane/replicas';
import { Counter, Gauge, type Registry } from '@slipway/shared/metrics';
import type { FleetSnapshot } from './fleet-snapshot.js';

interface FleetMetricsOptions {
  readonly registry: Registry;
  readonly read: () => Promise<FleetSnapshot>;
  /** Returns monotonic milliseconds. */
  readonly now: () => number;
}

/** Milliseconds for which a snapshot is kept, so that frequent scrapes do not read Redis more often. */
const keptMs = 2_000;

type Point = readonly [labels: Record<string, string>, value: number];

/**
 * Registers metrics of the whole installation, read from Redis. Every API process reports the same values, so that one running
 * process suffices, even without workers. Never sum them over processes (docs/metrics.md). While Redis is unavailable only
 * `slipway_fleet_readable` is reported, with 0.
 */
export function measureFleet({ registry, read, now }: FleetMetricsOptions): void {
  let last: { readonly at: number; readonly snapshot: Promise<FleetSnapshot | undefined> } | undefined;
  const snapshot = () => {
    if (last && now() - last.at < keptMs) return last.snapshot;
    last = { at: now(), snapshot: read().catch(() => undefined) };
    return last.snapshot;
  };
  const registers = [registry];
  const define = (
    type: typeof Gauge<string> | typeof Counter<string>,
    { name, help, labels = [] }: { name: string; help: string; labels?: string[] },
    points: (fleet: FleetSnapshot) => readonly Point[],
  ) =>
    new type({
      name,
      help,
      labelNames: labels,
      registers,
      async collect() {
        const fleet = await snapshot();
        this.reset();
        // Without labels a reset leaves a zero, which would report an empty queue.
        if (!fleet && labels.length === 0) this.remove();
        if (fleet) for (const [labelled, value] of points(fleet)) this.inc(labelled, value);
      },
    });
  const one = (name: string, help: string, value: (fleet: FleetSnapshot) => number) =>
    define(Gauge, { name, help }, (fleet) => [[{}, value(fleet)]]);
  const pool = (name: string, help: string, value: (pool: FleetSnapshot['pools'][number]) => number) =>
    define(Gauge, { name, help, labels: ['pool'] }, ({ pools }) =>
      pools.map((each) => [{ pool: each.name }, value(each)]),
    );
  const replica = (
    type: typeof Gauge<string> | typeof Counter<string>,
    name: string,
    help: string,
    value: (replica: ReplicaState) => number,
  ) =>
    define(type, { name, help, labels: ['pool', 'replica'] }, ({ replicas }) =>
      replicas.map((each) => [{ pool: each.pool, replica: addressOf(each.url) }, value(each)]),
    );

  new Gauge({
    name: 'slipway_fleet_readable',
    help: '1 if Redis could be read for the metrics of the installation',
    registers,
    async collect() {
      this.set((await snapshot()) ? 1 : 0);
    },
  });
  define(Gauge, { name: 'slipway_fleet_jobs', help: 'Job records by state', labels: ['state'] }, ({ jobs }) =>
    [...jobs].map(([state, count]) => [{ state }, count]),
  );
  define(
    Gauge,
    {
      name: 'slipway_fleet_queue_jobs',
      help: 'Jobs of a pool that wait or run',
      labels: ['pool', 'state'],
    },
    ({ pools }) =>
      pools.flatMap(({ name, queued, running }) => [
        [{ pool: name, state: 'queued' }, queued] as const,
        [{ pool: name, state: 'running' }, running] as const,
      ]),
  );
  pool(
    'slipway_fleet_queue_oldest_wait_seconds',
    'Age of the oldest waiting job',
    ({ oldestWaitMs }) => oldestWaitMs / 1_000,
  );
  pool(
    'slipway_fleet_pool_slots',
    'Builds that the usable replicas accept at once now',
    ({ capacity }) => capacity,
  );
  pool(
    'slipway_fleet_pool_replicas',
    'Replicas of a pool that answer and do not drain',
    ({ replicas }) => replicas,
  );
  pool(
    'slipway_pool_wanted_replicas',
    'Replicas that a pool wants for its running builds and the jobs that may run',
    ({ wantedReplicas }) => wantedReplicas,
  );
  pool(
    'slipway_fleet_pool_stuck',
    '1 if jobs wait, none runs and there is capacity',
    ({ queued, running, capacity }) => (queued > 0 && running === 0 && capacity > 0 ? 1 : 0),
  );
  replica(
    Gauge,
    'slipway_fleet_replica_up',
    '1 if the last health check of the replica succeeded',
    ({ health }) => (health === 'up' ? 1 : 0),
  );
  replica(
    Gauge,
    'slipway_fleet_replica_broken',
    '1 if the replica answers but reports that it cannot build, as with a dead engine',
    ({ readiness }) => (readiness === 'broken' ? 1 : 0),
  );
  replica(
    Gauge,
    'slipway_fleet_replica_draining',
    '1 if the replica gets no more builds: it shuts down, or an operator drains it',
    ({ draining, readiness }) => (draining || readiness === 'draining' ? 1 : 0),
  );
  replica(
    Gauge,
    'slipway_fleet_replica_circuit_open',
    '1 if the circuit of the replica is open, or half open for a probe',
    ({ circuit }) => (circuit === 'closed' ? 0 : 1),
  );
  replica(
    Gauge,
    'slipway_fleet_replica_slots',
    'Limit of concurrent builds of the replica, configured or learned',
    ({ limit }) => limit,
  );
  replica(
    Gauge,
    'slipway_fleet_replica_builds_in_flight',
    'Slots in use, by all workers',
    ({ inFlight }) => inFlight,
  );
  replica(
    Counter,
    'slipway_fleet_replica_builds_total',
    'Builds that the replica has ended, successful or not',
    ({ builds }) => builds,
  );
  replica(
    Counter,
    'slipway_fleet_replica_refusals_total',
    '429 answers of the replica',
    ({ refusals }) => refusals,
  );
  replica(
    Counter,
    'slipway_fleet_replica_faults_total',
    'Calls that failed to connect, broke off, returned an invalid answer or hit a fault of the engine',
    ({ faults }) => faults,
  );
  const registryGauge = (name: string, help: string, value: (state: RegistryState) => number) =>
    define(Gauge, { name, help, labels: ['registry'] }, ({ registries }) =>
      registries.map((each) => [{ registry: each.registry }, value(each)]),
    );
  registryGauge(
    'slipway_fleet_registry_circuit_open',
    '1 if the circuit of a registry that jobs wait for is open, or half open for a probe; 50 registries at most',
    ({ circuit }) => (circuit === 'closed' ? 0 : 1),
  );
  registryGauge(
    'slipway_fleet_registry_jobs_waiting',
    'Jobs that wait for a registry',
    ({ waiting }) => waiting,
  );
  one('slipway_fleet_workers', 'Running workers', ({ workers }) => workers);
  one('slipway_fleet_batches', 'Batches that were accepted and have not ended', ({ batches }) => batches);
  one(
    'slipway_fleet_deliveries_pending',
    'Webhook messages that are not delivered yet',
    ({ deliveries }) => deliveries.pending,
  );
  one(
    'slipway_fleet_deliveries_overdue_seconds',
    'Delay of the most overdue message that has not been started',
    ({ deliveries }) => deliveries.overdueMs / 1_000,
  );
  one(
    'slipway_fleet_events_unsettled',
    'Events that are not delivered to all subscribers yet',
    ({ events }) => events.unsettled,
  );
  one(
    'slipway_fleet_events_oldest_seconds',
    'Age of the oldest event that is not delivered to all subscribers yet',
    ({ events }) => events.oldestMs / 1_000,
  );
  one(
    'slipway_fleet_tenants_stored_bytes',
    'Bytes that the records of tenants take',
    ({ stored }) => stored.bytes,
  );
  one(
    'slipway_fleet_tenants_stored_share_max',
    "The largest used share of a tenant's budget of bytes",
    ({ stored }) => stored.shareMax,
  );
  one('slipway_fleet_redis_memory_used_bytes', 'Memory that Redis uses', ({ redis }) => redis.usedBytes);
  one(
    'slipway_fleet_redis_memory_limit_bytes',
    'Memory limit of Redis; 0 is no limit',
    ({ redis }) => redis.maxBytes,
  );
}
