import { type BatchStore, cancelStopped, type JobStore } from '@slipway/control-plane/jobs';
import { onlyReadable } from '@slipway/control-plane/records';
import type { Logger } from '@slipway/shared/logger';
import type { LeaderTask } from './leader.js';

interface BatchesOptions {
  readonly batches: BatchStore;
  readonly store: Pick<JobStore, 'cancel'>;
  readonly logger: Logger;
}

/** Writing ten thousand records takes seconds. A writer that has not committed after this time is gone. */
const draftMs = 60_000;
/** Limit of jobs to cancel in one run. */
const mostJobs = 1_000;

/** Cancels drafts of batches whose writer stopped, and the remaining jobs of stopped batches. */
export class Batches implements LeaderTask {
  readonly name = 'batches';
  readonly everyMs = 1_000;
  readonly #options: BatchesOptions;

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { batches, logger } = this.#options;
    for (const id of await batches.drafts(draftMs)) {
      if (await batches.giveUp(id)) logger.warn({ batch_id: id }, 'canceled a draft: its writer stopped');
    }
    let left = mostJobs;
    for (const id of await batches.stopping()) {
      left -= await this.#cancel(id, left);
      if (left <= 0 || signal.aborted) return;
    }
  }

  /** Returns how many jobs it canceled. A batch whose record cannot be read holds up no other. */
  async #cancel(id: string, most: number): Promise<number> {
    const { batches, store } = this.#options;
    return (await onlyReadable([cancelStopped({ id, batches, store, most })]))[0] ?? 0;
  }
}
