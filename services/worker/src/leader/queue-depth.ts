import type { JobStore } from '@slipway/control-plane/jobs';
import type { PoolRegistry } from '@slipway/control-plane/replicas';
import type { MinuteCounts } from '@slipway/control-plane/stats';
import type { LeaderTask } from './leader.js';

interface QueueDepthOptions {
  readonly pools: Pick<PoolRegistry, 'list'>;
  readonly store: Pick<JobStore, 'queue'>;
  readonly counts: Pick<MinuteCounts, 'waiting'>;
}

/** Looks now and then how many jobs wait for each pool, for the series that charts are drawn from. */
export class QueueDepth implements LeaderTask {
  readonly name = 'queue depth';
  readonly everyMs = 5_000;
  readonly #options: QueueDepthOptions;

  constructor(options: QueueDepthOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { pools, store, counts } = this.#options;
    for (const { name } of await pools.list()) counts.waiting(name, (await store.queue(name)).queued);
  }
}
