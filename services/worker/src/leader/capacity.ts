import type { Logger } from '@slipway/shared/logger';
import type { Sender } from '@slipway/shared/queues';
import { fleetCapacity, type ReplicaRegistry } from '@slipway/shared/replicas';
import type { Duty } from './leader.js';

interface CapacityOptions {
  readonly registry: Pick<ReplicaRegistry, 'list'>;
  readonly builds: Pick<Sender<'builds'>, 'limit'>;
  readonly logger: Logger;
}

/**
 * Keeps the queue's global concurrency at what the fleet can build at once, so that jobs wait in the queue, in their
 * order, and not inside workers. A few more than that are let out: they stand ready, payload signed, when a slot
 * comes free.
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
    const slots = fleetCapacity(await registry.list());
    const wanted = slots + Math.max(2, Math.ceil(slots / 6));
    await builds.limit(wanted);
    if (wanted !== this.#set) logger.info({ slots, concurrency: wanted }, 'capacity of the fleet');
    this.#set = wanted;
  }

  async stop(): Promise<void> {
    await this.#options.builds.limit(undefined);
    this.#set = undefined;
  }
}
