import type { Logger } from '@slipway/shared/logger';
import type { Sender } from '@slipway/shared/queues';
import { fleetCapacity, type ReplicaRegistry } from '@slipway/shared/replicas';
import type { Duty } from './leader.js';

interface CapacityOptions {
  readonly registry: Pick<ReplicaRegistry, 'list'>;
  readonly builds: Pick<Sender<'builds'>, 'limit'>;
  readonly logger: Logger;
}

/** With three, the chance that nobody waits for a replica that has room is a few per cent. */
const readyPerReplica = 3;

/**
 * Keeps the queue's global concurrency at what the fleet can build at once, so that jobs wait in the queue, in their
 * order, and not inside workers. A few more than that are let out: they stand ready, payload signed, when a slot
 * comes free, and there are enough of them that most slots find one whose layers their replica has.
 */
export class Capacity implements Duty {
  readonly name = 'capacity';
  readonly everyMs = 500;
  readonly #options: CapacityOptions;
  #set: number | undefined;

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { registry, builds, logger } = this.#options;
    const replicas = await registry.list();
    const slots = fleetCapacity(replicas);
    const wanted = slots + Math.max(2, readyPerReplica * replicas.length);
    await builds.limit(wanted);
    if (wanted !== this.#set) logger.info({ slots, concurrency: wanted }, 'capacity of the fleet');
    this.#set = wanted;
  }

  async stop(): Promise<void> {
    await this.#options.builds.limit(undefined);
    this.#set = undefined;
  }
}
