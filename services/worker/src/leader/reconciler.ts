import type { Dispatch, DispatchJob, JobStore } from '@slipway/control-plane/jobs';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { WorkerMetrics } from '../metrics.js';
import type { LeaderTask } from './leader.js';

interface ReconcilerOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: Pick<JobStore, 'expire' | 'wakeTenants' | 'wakeRegistries'>;
  readonly dispatch: Pick<Dispatch, 'undispatched' | 'restore' | 'restoreMissing'>;
  /** Redis' time in milliseconds. */
  readonly now: () => number;
  readonly metrics: Pick<WorkerMetrics, 'reconciled'>;
  readonly logger: Logger;
}

/** Milliseconds that the writer of a record has to add it to the queue itself. */
const dispatchGraceMs = 3_000;
const pageSize = 500;

/**
 * Finds records that the queue has lost and adds them again:
 *
 * - *undispatched*: written, but the writer ended before adding it to the queue;
 * - *queued* records that the queue does not hold, read in pages, continuously;
 * - *running* records that the queue does not hold, which no worker would take over.
 *
 * It also admits jobs that wait for their tenant's limit once there is room, as after a raised limit, and jobs that wait for a registry once it answers.
 *
 * Adding is harmless if the queue holds the job after all, and so is adding a job whose record has ended.
 */
export class Reconciler implements LeaderTask {
  readonly name = 'reconcile';
  readonly everyMs = 2_000;
  readonly #options: ReconcilerOptions;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { redis, keys, store, dispatch, now } = this.#options;
    const late = await dispatch.undispatched(now() - dispatchGraceMs, pageSize);
    this.#note(await dispatch.restore(late), 'undispatched');
    this.#note(await dispatch.restoreMissing(await this.#nextQueued()), 'queued');
    await store.expire();
    await store.wakeTenants();
    await store.wakeRegistries();
    let after = '-';
    while (!signal.aborted) {
      const running = await redis.zrangebylex(keys.index('state:running'), after, '+', 'LIMIT', 0, pageSize);
      this.#note(await dispatch.restoreMissing(running), 'running');
      if (running.length < pageSize) return;
      after = `(${running.at(-1)}`;
    }
  }

  async #nextQueued(): Promise<string[]> {
    const { redis, keys } = this.#options;
    const cursor = await redis.get(keys.reconcilerCursor);
    const after = cursor ? `(${cursor}` : '-';
    const page = await redis.zrangebylex(keys.index('state:queued'), after, '+', 'LIMIT', 0, pageSize);
    const last = page.length < pageSize ? undefined : page.at(-1);
    if (last) await redis.set(keys.reconcilerCursor, last);
    else if (cursor) await redis.del(keys.reconcilerCursor);
    return page;
  }

  #note(jobs: readonly DispatchJob[], finding: 'undispatched' | 'queued' | 'running'): void {
    const { metrics, logger } = this.#options;
    if (jobs.length === 0) return;
    metrics.reconciled.inc({ finding }, jobs.length);
    logger.info({ finding, count: jobs.length, first: jobs[0]?.id }, 'put back into the queue');
  }
}
