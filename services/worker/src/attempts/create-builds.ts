import { setMaxListeners } from 'node:events';
import type { Cell } from '@slipway/control-plane/cell';
import type { MinuteCounts } from '@slipway/control-plane/stats';
import type { BlobStore } from '@slipway/shared/blobs';
import { type Cleanups, type Component, timeForWork } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Tracing } from '@slipway/shared/tracing';
import { cacheSources } from '@slipway/source';
import type { WorkerConfig } from '../config.js';
import { Consumer } from '../dispatch/consumer.js';
import type { Jobs } from '../dispatch/create-jobs.js';
import type { EventLoop } from '../dispatch/event-loop.js';
import type { Fleet } from '../fleet/create-fleet.js';
import type { TimeMarks } from '../hold/time-marks.js';
import type { IsolationKey } from '../isolation/isolation-key.js';
import type { WorkerMetrics } from '../metrics.js';
import type { Renewal } from '../renewal/renewal.js';
import { Attempts } from './attempt.js';
import type { Interruptions } from './interruptions.js';
import { readSources } from './source-spool.js';

interface BuildsOptions {
  readonly cell: Cell;
  readonly config: WorkerConfig;
  readonly jobs: Jobs;
  readonly fleet: Fleet;
  readonly interruptions: Interruptions;
  readonly blobs: BlobStore;
  readonly isolation: IsolationKey;
  readonly timeMarks: Pick<TimeMarks, 'allowed'>;
  readonly eventLoop: EventLoop;
  readonly renewal: Renewal;
  readonly counts: MinuteCounts;
  readonly metrics: WorkerMetrics;
  readonly tracing: Tracing;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
}

interface Builds {
  /** Aborted when the worker drains. */
  readonly stopping: AbortSignal;
  readonly components: readonly Component[];
}

/** Milliseconds after the end of a worker in which others may take its builds over; more than a long weekend. */
const takeoverMs = 4 * 24 * 3600 * 1_000;
/** Milliseconds of the grace time to hand builds back and to record that. */
const reserveMs = 10_000;

/** Creates the consumers that build jobs, one per pool. */
export function createBuilds(options: BuildsOptions): Builds {
  const { cell, config, jobs, fleet, interruptions, blobs, isolation, timeMarks } = options;
  const { eventLoop, renewal, counts, metrics, tracing, logger, cleanups } = options;
  const { redis, keys, now, processName: workerName } = cell;
  const stopping = new AbortController();
  // Each waiting job listens, so this number is not a leak.
  setMaxListeners(0, stopping.signal);
  const attempts = new Attempts({
    ...{ redis, keys, now, blobs, isolation, interruptions, workerName, tracing, metrics, counts, logger },
    store: jobs.store,
    sources: cacheSources({ sources: readSources({ blobs, config, cleanups }) }),
    placement: fleet.placement,
    registry: fleet.registry,
    dispatcher: fleet.agent,
    registries: config.registries,
    payloadSecret: config.payloadSecret,
    buildTimeoutMs: config.buildTimeoutMs,
    maxAttempts: config.maxAttempts,
    registryRetryMs: config.registryRetryMs,
    stopping: stopping.signal,
    random: Math.random,
  });
  const drain = () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    logger.info({ builds: interruptions.size }, 'draining');
    // A kill before the end of the grace time is then no death that a job could have caused.
    jobs.store.noteDraining(workerName, config.shutdownGraceMs + takeoverMs).catch((error: unknown) => {
      logger.warn({ err: error }, 'it was not noted that the worker drains');
    });
    interruptions.handOver();
    const patienceMs = timeForWork({ graceMs: config.shutdownGraceMs, reserveMs });
    setTimeout(() => interruptions.interruptAll('shutdown'), patienceMs).unref();
  };
  const { lockDurationMs, stalledIntervalMs, concurrency } = config;
  const pools = [...new Set(config.builders.map(({ pool }) => pool))];
  const components = pools.map(
    (pool) =>
      new Consumer({
        ...{
          redis,
          keys,
          now,
          eventLoop,
          renewal,
          logger,
          lockDurationMs,
          stalledIntervalMs,
          concurrency,
          pool,
        },
        hasReplica: (waitMs, signal) => fleet.placement.hasReplica(pool, waitMs, signal),
        async handle(jobId) {
          // The lock of a job that waits here is renewed.
          if (!(await timeMarks.allowed(stopping.signal))) return 0;
          const result = await attempts.run(jobId);
          if (result.kind === 'first') return 'first';
          return result.kind === 'again' ? result.delayMs : undefined;
        },
        onStop: drain,
      }),
  );
  return { stopping: stopping.signal, components };
}
