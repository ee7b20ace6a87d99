import { Dispatch, JobStore } from '@slipway/control-plane/jobs';
import { PoolRegistry, ReplicaRegistry, SlotLedger } from '@slipway/control-plane/replicas';
import { defaultPool } from '@slipway/shared/contracts';
import type { Logger } from '@slipway/shared/logger';
import { type Redis, redisKeys } from '@slipway/shared/redis';
import type { SettableClock } from '@slipway/shared/virtual-time';
import { Capacity } from '@slipway/worker/decisions';
import { Audit } from './audit.js';
import { BuildQueue } from './build-queue.js';
import { Builds } from './builds.js';
import { SimulatedFleet, slots } from './fleet.js';
import type { Random } from './random.js';

interface CellOptions {
  readonly redis: Redis;
  readonly clock: SettableClock;
  readonly random: Random;
  readonly logger: Logger;
  /** Milliseconds between two looks at the capacity of the pool. Workers look twice a second. */
  readonly capacityEveryMs: number;
  readonly prefix: string;
}

export type Cell = Awaited<ReturnType<typeof openCell>>;

/** Opens an empty cell whose stores and scripts have the time of the clock. */
export async function openCell({ redis, clock, random, logger, capacityEveryMs, prefix }: CellOptions) {
  const keys = redisKeys(prefix);
  const now = () => clock.now();
  const queue = new BuildQueue({ redis, keys, pool: defaultPool });
  const dispatch = new Dispatch({ redis, keys, builds: queue, logger });
  const store = new JobStore({ redis, keys, dispatch, now });
  const registry = new ReplicaRegistry({ redis, keys, now });
  const pools = new PoolRegistry({ redis, keys, now });
  const fleet = new SimulatedFleet(registry);
  const audit = new Audit({ redis, keys });
  const ledger = new SlotLedger({ redis, keys });
  const builds = new Builds({ clock, store, ledger, queue, fleet, audit, random });
  const capacity = new Capacity({ registry, pools, builds: queue, logger });
  const declare = () => pools.declare([{ name: defaultPool, platforms: [], slots }]);
  await declare();
  /** Repeats the duties of workers while `until` is false. */
  const every = (ms: number, act: () => Promise<void>, until: () => boolean) => {
    const turn = async () => {
      if (until()) return;
      await act();
      builds.at(clock.now() + ms, turn);
    };
    builds.at(clock.now(), turn);
  };
  const keepAlive = (until: () => boolean) => {
    every(10_000, async () => void (await Promise.all([fleet.announce(), declare()])), until);
    every(capacityEveryMs, () => capacity.run(), until);
  };
  return {
    redis,
    keys,
    queue,
    store,
    registry,
    fleet,
    audit,
    builds,
    capacity,
    every,
    keepAlive,
    clock,
    random,
  };
}
