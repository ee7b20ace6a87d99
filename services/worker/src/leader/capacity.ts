import type { BuildQueues } from '@slipway/control-plane/queues';
import {
  fleetCapacity,
  type PoolRegistry,
  type ReplicaRegistry,
  type ReplicaState,
} from '@slipway/control-plane/replicas';
import type { Logger } from '@slipway/shared/logger';
import type { LeaderTask } from './leader.js';

interface CapacityOptions {
  readonly registry: Pick<ReplicaRegistry, 'urls' | 'states'>;
  readonly pools: Pick<PoolRegistry, 'declared' | 'list'>;
  readonly builds: Pick<BuildQueues, 'limit'>;
  readonly logger: Logger;
}

/** Jobs to admit per free replica. With three, the chance that a free replica gets no job is a few per cent. */
const readyPerReplica = 3;
/** Replicas without a fault that one run reads, at least, and the number of runs in which all of them are read. */
const [leastRead, runsForAll] = [50, 40];
/** Milliseconds without a run after which all replicas are read again. */
const forgottenMs = 5_000;

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
  #known = new Map<string, ReplicaState>();
  #lastRead = '';
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { pools, builds, logger } = this.#options;
    const [replicas, declared] = await Promise.all([this.#replicas(), pools.declared()]);
    // A pool without replicas has a limit too: its jobs wait in the queue.
    for (const pool of new Set([
      ...declared,
      ...replicas.map((replica) => replica.pool),
      ...this.#set.keys(),
    ])) {
      const own = replicas.filter((replica) => replica.pool === pool);
      const slots = fleetCapacity(own);
      const wanted = slots + Math.max(2, readyPerReplica * own.length);
      await builds.limit(pool, wanted);
      if (wanted !== this.#set.get(pool))
        logger.info({ pool, slots, concurrency: wanted }, 'capacity of a pool');
      this.#set.set(pool, wanted);
    }
  }

  async #replicas(): Promise<ReplicaState[]> {
    const { registry } = this.#options;
    const urls = await registry.urls();
    // Another worker may have led meanwhile.
    if (performance.now() - this.#readAt > forgottenMs) this.#known.clear();
    this.#readAt = performance.now();
    const isSteady = (url: string) => isReady(this.#known.get(url));
    const steady = urls.filter(isSteady);
    const count = Math.max(leastRead, Math.ceil(steady.length / runsForAll));
    const from = Math.max(
      steady.findIndex((url) => url > this.#lastRead),
      0,
    );
    const part = steady.slice(from, from + count);
    this.#lastRead = part.at(-1) ?? '';
    const read = await registry.states([...urls.filter((url) => !isSteady(url)), ...part]);
    const now = new Map(read.map((state) => [state.url, state]));
    const all = urls.flatMap((url) => now.get(url) ?? this.#known.get(url) ?? []);
    this.#known = new Map(all.map((state) => [state.url, state]));
    return all;
  }

  async stop(): Promise<void> {
    const { pools, builds } = this.#options;
    for (const { name } of await pools.list()) await builds.limit(name, undefined);
    this.#set.clear();
  }
}

const isReady = (replica: ReplicaState | undefined) =>
  replica?.health === 'up' && replica.circuit === 'closed' && fleetCapacity([replica]) > 0;
