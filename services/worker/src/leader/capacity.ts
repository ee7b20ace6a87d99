import type { BuildQueues } from '@slipway/control-plane/queues';
import { fleetCapacity, type PoolRegistry, type ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { Logger } from '@slipway/shared/logger';
import type { LeaderTask } from './leader.js';

interface CapacityOptions {
  readonly registry: Pick<ReplicaRegistry, 'list'>;
  readonly pools: Pick<PoolRegistry, 'list'>;
  readonly builds: Pick<BuildQueues, 'limit'>;
  readonly logger: Logger;
}

/** Jobs to admit per free replica. With three, the chance that a free replica gets no job is a few per cent. */
const readyPerReplica = 3;

/**
 * Keeps the global concurrency of each pool's queue at what the pool can build at once, so that jobs wait in the queue, in their
 * order, and not inside workers. A few more than that are let out: they stand ready, payload signed, when a slot
 * comes free, and there are enough of them that most slots find one whose layers their replica has.
 */
export class Capacity implements LeaderTask {
  readonly name = 'capacity';
  readonly everyMs = 500;
  readonly #options: CapacityOptions;
  readonly #set = new Map<string, number>();

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { registry, pools, builds, logger } = this.#options;
    const [replicas, declared] = await Promise.all([registry.list(), pools.list()]);
    // A pool without replicas has a limit too: its jobs wait in the queue.
    for (const pool of new Set([...declared.map(({ name }) => name), ...this.#set.keys()])) {
      const own = replicas.filter((replica) => replica.pool === pool);
      const slots = fleetCapacity(own);
      const wanted = slots + Math.max(2, readyPerReplica * own.length);
      await builds.limit(pool, wanted);
      if (wanted !== this.#set.get(pool))
        logger.info({ pool, slots, concurrency: wanted }, 'capacity of a pool');
      this.#set.set(pool, wanted);
    }
  }

  async stop(): Promise<void> {
    const { pools, builds } = this.#options;
    for (const { name } of await pools.list()) await builds.limit(name, undefined);
    this.#set.clear();
  }
}
