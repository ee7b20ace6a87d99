import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { queuedJobSchema, queueKeys, queueName } from '@slipway/control-plane/queues';
import type { Fields } from '@slipway/shared/config';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type Job, Worker } from 'bullmq';
import type { Renewal } from '../renewal/renewal.js';
import type { EventLoop } from './event-loop.js';

export interface QueueConfig {
  /** Jobs of each pool that this worker holds at once. */
  readonly concurrency: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
}

export function queueConfig(fields: Fields): QueueConfig {
  return {
    concurrency: fields.int('WORKER_CONCURRENCY', {
      doc: 'Jobs of each pool that one worker holds at once. The capacity of the fleet bounds all workers together',
      default: 100,
      min: 1,
      max: 1_000,
    }),
    lockDurationMs: fields.int('LOCK_DURATION_MS', {
      doc: 'After this time without a sign of life, other workers take over the jobs of a worker',
      default: 15_000,
      min: 1_000,
    }),
    stalledIntervalMs: fields.int('STALLED_INTERVAL_MS', {
      doc: 'How often a worker looks for lost jobs',
      default: 4_000,
      min: 500,
    }),
  };
}

interface ConsumerOptions extends QueueConfig {
  readonly pool: string;
  readonly redis: Redis;
  readonly keys: Keys;
  /** Redis' time in milliseconds. */
  readonly now: () => number;
  readonly eventLoop: Pick<EventLoop, 'responsive'>;
  /** Waits up to `waitMs` until this worker knows a replica of the pool. Returns whether it knows one. */
  readonly hasReplica: (waitMs: number, signal: AbortSignal) => Promise<boolean>;
  readonly renewal: Pick<Renewal, 'started' | 'holdLock'>;
  readonly logger: Logger;
  /**
   * Handles one job. Returns a delay in ms to run again, `first` to run again before all others, or undefined. If it throws, the reconciler requeues the job.
   */
  readonly handle: (jobId: string) => Promise<number | 'first' | undefined>;
  /** Called when the consumer is to stop, before it waits for the jobs in hand. */
  readonly onStop: () => void;
  /** Milliseconds in which an idle worker looks again, and so sees a raised concurrency. Default: 1,000. */
  readonly lookEveryMs?: number;
}

/** Milliseconds between two tries to take a job while Redis refuses that. */
const retryMs = 1_000;
/**
 * Milliseconds between two jobs that a worker takes for a pool of which it knows no replica. It can only give them back, and would take the places of
 * workers that know one. It takes some, so that jobs that have waited too long end.
 */
const withoutReplicaMs = 4_000;
/** Milliseconds in which a request for a job ends that is not waiting for one. */
const takeMs = 200;

/**
 * Takes the jobs of a pool from BullMQ, and is the only adapter between a handler and BullMQ.
 *
 * It takes one job after the other and begins to handle each at once. The worker of BullMQ itself takes as many jobs as it may hold before it handles the first, and
 * under overload their locks run out meanwhile.
 */
export class Consumer implements Component {
  readonly name: string;
  readonly #options: ConsumerOptions;
  readonly #queue: string;
  /** The jobs that are handled now. */
  readonly #inHand = new Set<Promise<void>>();
  readonly #requests = new Set<Promise<boolean>>();
  #requested = 0;
  /** Jobs that have ended. */
  #ended = 0;
  /** True while a request waits in Redis for a new job. */
  #isWaiting = false;
  #hasRoom: (() => void) | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#queue = queueName(options.pool);
    this.name = `${this.#queue} consumer`;
  }

  async run(signal: AbortSignal): Promise<void> {
    const {
      redis,
      keys,
      logger,
      lockDurationMs,
      stalledIntervalMs,
      onStop,
      lookEveryMs = 1_000,
    } = this.#options;
    const worker = new Worker(this.#queue, null, {
      connection: redis,
      prefix: keys.bullPrefix,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      // The record counts lost workers; BullMQ itself must never give a job up.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      drainDelay: lookEveryMs / 1_000,
    });
    worker.on('error', (error) => logger.warn({ err: error, queue: this.#queue }, 'queue error'));
    await worker.startStalledCheckTimer();
    const taking = this.#take(worker, signal);
    if (!signal.aborted) await once(signal, 'abort');
    this.#hasRoom?.();
    onStop();
    await Promise.race([taking, sleep(takeMs)]);
    await this.#emptied();
    // Breaks off a request that waits for a job.
    await worker.close(true);
    await taking;
    await this.#emptied();
  }

  async #emptied(): Promise<void> {
    while (this.#inHand.size > 0) await Promise.all(this.#inHand);
  }

  async #take(worker: Worker, signal: AbortSignal): Promise<void> {
    const { eventLoop, renewal, hasReplica } = this.#options;
    await renewal.started(signal);
    while (!signal.aborted) {
      await eventLoop.responsive(signal);
      await hasReplica(withoutReplicaMs, signal);
      while (this.#isFull && !signal.aborted) await this.#room();
      if (signal.aborted) break;
      const ended = this.#ended;
      if (await this.#request(worker, signal, { block: false })) continue;
      if (ended !== this.#ended || signal.aborted) continue;
      this.#isWaiting = true;
      await this.#request(worker, signal, { block: true });
      this.#isWaiting = false;
    }
    await Promise.all(this.#requests);
  }

  get #isFull(): boolean {
    return this.#inHand.size + this.#requests.size >= this.#options.concurrency;
  }

  /** Requests a job, and begins to handle it. Returns false when there is none, or when the fleet has as many as it may have. */
  #request(worker: Worker, signal: AbortSignal, options: { readonly block: boolean }): Promise<boolean> {
    const { logger } = this.#options;
    const token = `${worker.id}:${this.#requested++}`;
    const request = worker
      .getNextJob(token, options)
      .then((job) => {
        if (job) this.#begin(worker, job, token, signal);
        return job !== undefined;
      })
      .catch(async (error: unknown) => {
        logger.warn({ err: error, queue: this.#queue }, 'no job could be taken');
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
        return false;
      })
      .finally(() => {
        this.#requests.delete(request);
        this.#hasRoom?.();
      });
    this.#requests.add(request);
    return request;
  }

  /** Takes a job for the place that an ended job had in the fleet, while the other request waits: Redis does not wake it for that. */
  async #takeNext(worker: Worker, signal: AbortSignal): Promise<void> {
    const { eventLoop, hasReplica } = this.#options;
    await eventLoop.responsive(signal);
    if (!(await hasReplica(0, signal))) return;
    if (this.#isWaiting && !this.#isFull && !signal.aborted)
      await this.#request(worker, signal, { block: false });
  }

  /** Resolves when a job in hand or a request has ended, or at the stop. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#hasRoom = resolve;
    });
  }

  #begin(worker: Worker, job: Job, token: string, signal: AbortSignal): void {
    const { keys, pool, renewal, logger } = this.#options;
    const id = job.id ?? '';
    const release = renewal.holdLock({ queue: queueKeys(keys, pool), id, token });
    const ended = this.#handle(job, token, signal)
      // Another worker may have the job after a lock ran out. Its record decides who works on it.
      .catch((error: unknown) => logger.warn({ err: error, queue: this.#queue, id }, 'queue error'))
      .finally(() => {
        release();
        this.#inHand.delete(ended);
        this.#ended++;
        this.#hasRoom?.();
        void this.#takeNext(worker, signal);
      });
    this.#inHand.add(ended);
  }

  async #handle(job: Job, token: string, signal: AbortSignal): Promise<void> {
    const { handle, now, logger } = this.#options;
    let next: number | 'first' | undefined;
    try {
      next = signal.aborted ? 0 : await handle(queuedJobSchema.parse(job.data).jobId);
    } catch (error) {
      logger.warn({ err: error, queue: this.#queue, id: job.id }, 'handling failed');
      await job.moveToFailed(error as Error, token);
      return;
    }
    if (next === undefined) await job.moveToCompleted(undefined, token, false);
    else if (next === 'first') await moveToFront(job, token);
    else await this.#moveToDelayed(job, now() + next, token);
  }

  async #moveToDelayed(job: Job, at: number, token: string): Promise<void> {
    const { priority } = job.opts;
    if (job.priority === 0 && priority) await job.changePriority({ priority });
    await job.moveToDelayed(at, token);
  }
}

/** Puts a job before all others, as BullMQ does with a stalled one: jobs without a priority are first. */
async function moveToFront(job: Job, token: string): Promise<void> {
  await job.changePriority({ priority: 0 });
  await job.moveToWait(token);
}
