import type { Cell } from '@slipway/control-plane/cell';
import { Hold, type JobStore, listRegistries } from '@slipway/control-plane/jobs';
import { PoolRegistry, ReplicaRegistry } from '@slipway/control-plane/replicas';
import { StatsStore } from '@slipway/control-plane/stats';
import type { Registry } from '@slipway/shared/metrics';
import { KnownPools } from '../jobs/resolve/known-pools.js';
import { measureFleet } from '../metrics/fleet-metrics.js';
import { readFleet } from '../metrics/fleet-snapshot.js';

interface FleetOptions {
  readonly cell: Cell;
  readonly store: JobStore;
  readonly registry: Registry;
}

export type Fleet = ReturnType<typeof createFleet>;

/** Creates the stores of replicas, pools and registries, and registers the metrics of the fleet. */
export function createFleet({ cell, store, registry }: FleetOptions) {
  const { redis, keys, now } = cell;
  const replicas = new ReplicaRegistry({ redis, keys, now });
  const declared = new PoolRegistry({ redis, keys, now });
  const monotonic = () => performance.now();
  measureFleet({
    registry,
    read: () => readFleet({ redis, keys, store, replicas, pools: declared, now: now() }),
    now: monotonic,
  });
  return {
    replicas,
    declared,
    hold: new Hold({ redis, keys }),
    registries: () => listRegistries({ redis, keys, now: now() }),
    stats: new StatsStore({ redis, keys }),
    pools: new KnownPools({ registry: declared, now: monotonic }),
  };
}
