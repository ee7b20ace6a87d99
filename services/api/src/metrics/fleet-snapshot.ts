import { eventsGroup } from '@slipway/control-plane/events';
import { type JobStore, listRegistries, type RegistryState } from '@slipway/control-plane/jobs';
import {
  fleetCapacity,
  isPresent,
  type PoolRegistry,
  type ReplicaRegistry,
  type ReplicaState,
  readDemand,
  targetOf,
  wantedReplicas,
} from '@slipway/control-plane/replicas';
import { defaultPool, defaultTenantName, type JobState, jobStates } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';

interface SnapshotDeps {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: Pick<JobStore, 'count' | 'queue'>;
  readonly replicas: Pick<ReplicaRegistry, 'list'>;
  readonly pools: Pick<PoolRegistry, 'list'>;
  /** Redis' time in milliseconds. */
  readonly now: number;
}

interface PoolSnapshot {
  readonly name: string;
  readonly queued: number;
  readonly running: number;
  readonly oldestWaitMs: number;
  /** Builds that its replicas accept at once now. */
  readonly capacity: number;
  /** Its replicas that answer and do not drain. */
  readonly replicas: number;
  readonly wantedReplicas: number;
}

/** The state of the whole installation, read from Redis. */
export interface FleetSnapshot {
  readonly jobs: ReadonlyMap<JobState, number>;
  readonly pools: readonly PoolSnapshot[];
  readonly replicas: readonly ReplicaState[];
  readonly registries: readonly RegistryState[];
  readonly workers: number;
  readonly batches: number;
  readonly deliveries: { readonly pending: number; readonly overdueMs: number };
  readonly events: { readonly unsettled: number; readonly oldestMs: number };
  /** Bytes of the records of tenants, and the largest used share of a quota. */
  readonly stored: { readonly bytes: number; readonly shareMax: number };
  readonly redis: { readonly usedBytes: number; readonly maxBytes: number };
}

/** Milliseconds without a heartbeat after which a worker counts as dead. */
const aliveMs = 10_000;

/** Reads the snapshot with a few reads, and four for each pool, for any number of waiting jobs. */
export async function readFleet(deps: SnapshotDeps): Promise<FleetSnapshot> {
  const { redis, keys, store, replicas, pools: declared, now } = deps;
  const [registries, list, known, counts, workers, batches, pending, due, events, memory, stored] =
    await Promise.all([
      listRegistries({ redis, keys, now }),
      replicas.list(),
      declared.list(),
      Promise.all(jobStates.map(async (state) => [state, await store.count(state)] as const)),
      redis.zcount(keys.workers, now - aliveMs, '+inf'),
      redis.zcard(keys.openBatches),
      redis.zcard(keys.deliveries('state:pending')),
      redis.zrange(keys.dueDeliveries, '0', '0', 'WITHSCORES'),
      unsettledEvents({ redis, keys, now }),
      redis.info('memory'),
      storedByTenants({ redis, keys }),
    ]);
  const all = known.length > 0 ? known : [{ name: defaultPool, platforms: [] }];
  const pools = all.map(async (pool) => {
    const own = list.filter((replica) => replica.pool === pool.name);
    const [queue, demand] = await Promise.all([
      store.queue(pool.name),
      readDemand({ redis, keys }, pool.name),
    ]);
    return {
      ...{ name: pool.name, ...queue },
      capacity: fleetCapacity(own),
      replicas: own.filter(isPresent).length,
      wantedReplicas: wantedReplicas(demand, targetOf(pool, own)),
    };
  });
  return {
    jobs: new Map(counts),
    pools: await Promise.all(pools),
    replicas: list,
    registries,
    workers,
    batches,
    deliveries: { pending, overdueMs: due[1] === undefined ? 0 : Math.max(0, now - Number(due[1])) },
    events,
    stored,
    redis: { usedBytes: sizeIn(memory, 'used_memory'), maxBytes: sizeIn(memory, 'maxmemory') },
  };
}

/** Limit of tenants read. */
const maxTenants = 1_000;

async function storedByTenants({ redis, keys }: Pick<SnapshotDeps, 'redis' | 'keys'>) {
  const names = await redis.zrange(keys.tenants, '0', String(maxTenants - 1));
  const pipeline = redis.pipeline();
  for (const name of new Set([defaultTenantName, ...names]))
    pipeline.hmget(keys.stored(name), 'bytes', 'limit');
  let [bytes, shareMax] = [0, 0];
  for (const [error, values] of (await pipeline.exec()) ?? []) {
    if (error) throw error;
    const [used, limit] = (values as (string | null)[]).map(Number);
    bytes += used ?? 0;
    if (limit) shareMax = Math.max(shareMax, (used ?? 0) / limit);
  }
  return { bytes, shareMax };
}

const sizeIn = (info: string, field: string) =>
  Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

/** Returns the events that the notifiers have not acknowledged: pending ones, and unread ones. */
async function unsettledEvents({
  redis,
  keys,
  now,
}: Pick<SnapshotDeps, 'redis' | 'keys' | 'now'>): Promise<FleetSnapshot['events']> {
  const groups = (await redis.xinfo('GROUPS', keys.events).catch(noStream)) as unknown[][];
  const fields = groups.map(
    (row) => new Map(row.flatMap((name, at) => (at % 2 === 0 ? [[String(name), row[at + 1]]] : []))),
  );
  const group = fields.find((each) => each.get('name') === eventsGroup);
  if (!group) return { unsettled: 0, oldestMs: 0 };
  const [inHand, next] = await Promise.all([
    redis.xpending(keys.events, eventsGroup) as Promise<[number, string | null]>,
    redis.xrange(keys.events, `(${String(group.get('last-delivered-id'))}`, '+', 'COUNT', 1),
  ]);
  const oldest = [inHand[1], next[0]?.[0]].flatMap((id) => (id ? [Number.parseInt(id, 10)] : []));
  return {
    // Redis reports no lag for a group after its stream was trimmed in the middle.
    unsettled: inHand[0] + Number(group.get('lag') ?? next.length),
    oldestMs: oldest.length === 0 ? 0 : Math.max(0, now - Math.min(...oldest)),
  };
}

/** Returns an empty list if the stream does not exist, as before the first job. */
function noStream(error: unknown): [] {
  if (error instanceof Error && error.message.includes('no such key')) return [];
  throw error;
}
