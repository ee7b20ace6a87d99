import { queuedJobSchema, queueName } from '@slipway/control-plane/queues';
import type { Fields } from '@slipway/shared/config';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import { DelayedError, type Job, Worker } from 'bullmq';

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
      default: 5_000,
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
  readonly logger: Logger;
  /** Handles one job. Returns a delay in ms to run again, or undefined. If it throws, the reconciler requeues the job. */
  readonly handle: (jobId: string) => Promise<number | undefined>;
  readonly onLockLost: (jobId: string) => void;
  /** Called when the consumer is to stop, before it waits for the jobs in hand. */
  readonly onStop: () => void;
}

/** Returns the component that handles the jobs of a pool. The only adapter between a handler and BullMQ. */
export function createConsumer(options: ConsumerOptions): Component {
  const { pool, redis, keys, logger, handle } = options;
  const name = queueName(pool);
  return {
    name: `${name} consumer`,
    async run(signal) {
      const worker = new Worker(
        name,
        async (job: Job, token) => {
          const delayMs = await handle(queuedJobSchema.parse(job.data).jobId);
          if (delayMs === undefined) return;
          await job.moveToDelayed(options.now() + delayMs, token);
          throw new DelayedError();
        },
        {
          connection: redis,
          prefix: keys.bullPrefix,
          concurrency: options.concurrency,
          lockDuration: options.lockDurationMs,
          stalledInterval: options.stalledIntervalMs,
          // The record counts lost workers; BullMQ itself must never give a job up.
          maxStalledCount: Number.MAX_SAFE_INTEGER,
          // An idle worker looks again this often, in seconds; that is how soon it sees a raised concurrency.
          drainDelay: 1,
          autorun: false,
        },
      );
      worker.on('error', (error) => logger.warn({ err: error, queue: name }, 'queue error'));
      worker.on('failed', (job, error) => {
        logger.warn({ err: error, queue: name, id: job?.id }, 'handling failed');
      });
      worker.on('lockRenewalFailed', (ids) => {
        for (const id of ids) options.onLockLost(id);
      });
      const running = worker.run();
      if (!signal.aborted) {
        await Promise.race([
          running,
          new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
        ]);
      }
      options.onStop();
      await worker.close();
      await running;
    },
  };
}
