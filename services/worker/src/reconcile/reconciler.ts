import { setTimeout as sleep } from 'node:timers/promises';
import type { JobStore } from '@slipway/shared/jobs';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Sender } from '@slipway/shared/queues';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { WorkerMetrics } from '../metrics.js';

interface ReconcilerOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: Pick<JobStore, 'dispatched'>;
  readonly builds: Sender<'builds'>;
  readonly workerName: string;
  readonly metrics: Pick<WorkerMetrics, 'reconciled'>;
  readonly logger: Logger;
  readonly everyMs?: number;
}

/** Whoever wrote a record has this long to add it to the queue itself. */
const dispatchGraceMs = 3_000;
const pageSize = 500;

/**
 * Finds records that the queue has lost and adds them again. One worker at a time does it, by a lease.
 *
 * - *undispatched*: written, but whoever wrote it ended before adding it to the queue;
 * - *queued* records that the queue does not hold, a page at a time, round and round;
 * - *running* records that the queue does not hold: nobody would take them over otherwise.
 *
 * Adding is harmless when the queue holds the job after all, and so is a job whose record has ended.
 */
export class Reconciler implements Component {
  readonly name = 'reconciler';
  readonly #options: ReconcilerOptions;
  readonly #everyMs: number;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#everyMs = options.everyMs ?? 2_000;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    while (!signal.aborted) {
      try {
        if (await this.#elected()) await this.reconcile();
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'not reconciled');
      }
      await sleep(this.#everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #elected(): Promise<boolean> {
    const { redis, keys, workerName } = this.#options;
    const leaseMs = this.#everyMs * 3;
    if ((await redis.set(keys.reconcilerLease, workerName, 'PX', leaseMs, 'NX')) === 'OK') return true;
    if ((await redis.get(keys.reconcilerLease)) !== workerName) return false;
    await redis.pexpire(keys.reconcilerLease, leaseMs);
    return true;
  }

  /** One round. */
  async reconcile(): Promise<void> {
    const { redis, keys } = this.#options;
    const late = await redis.zrangebyscore(
      keys.undispatched,
      '-inf',
      Date.now() - dispatchGraceMs,
      'LIMIT',
      0,
      pageSize,
    );
    await this.#add(late, 'undispatched');
    await this.#add(await this.#missing(await this.#nextQueued()), 'queued');
    let after = '-';
    for (;;) {
      const running = await redis.zrangebylex(keys.index('state:running'), after, '+', 'LIMIT', 0, pageSize);
      await this.#add(await this.#missing(running), 'running');
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

  async #missing(ids: string[]): Promise<string[]> {
    return ids.length === 0 ? [] : await this.#options.builds.missing(ids);
  }

  async #add(ids: string[], finding: 'undispatched' | 'queued' | 'running'): Promise<void> {
    const { builds, store, metrics, logger } = this.#options;
    if (ids.length === 0) return;
    await builds.add(ids.map((id) => ({ id, data: { jobId: id } })));
    await store.dispatched(ids);
    metrics.reconciled.inc({ finding }, ids.length);
    logger.info({ finding, count: ids.length, first: ids[0] }, 'put back into the queue');
  }
}
