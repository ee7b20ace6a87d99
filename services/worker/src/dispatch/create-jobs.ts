import type { Cell } from '@slipway/control-plane/cell';
import { BatchStore, Dispatch, JobStore } from '@slipway/control-plane/jobs';
import { createBuildQueues } from '@slipway/control-plane/queues';
import type { Fields } from '@slipway/shared/config';
import type { Logger } from '@slipway/shared/logger';

export interface JobsConfig {
  /** Workers or builders that may die over a job before it is quarantined. */
  readonly quarantineAfter: number;
  readonly queueTimeoutMs: number;
}

export function jobsConfig(fields: Fields): JobsConfig {
  return {
    quarantineAfter: fields.int('QUARANTINE_AFTER', {
      doc: 'Deaths of workers or builders over one job before it is quarantined; [which deaths count](../internals/job.md#which-deaths-count)',
      default: 2,
      min: 1,
    }),
    queueTimeoutMs: fields.int('QUEUE_TIMEOUT_MS', {
      doc: 'A job that waits longer ends with `expired`',
      default: 24 * 3600 * 1_000,
      min: 1,
    }),
  };
}

interface JobsOptions {
  readonly cell: Cell;
  readonly config: JobsConfig;
  /** Returns the oldest mark of time that Redis must have for a job to start. */
  readonly leastMark: () => number;
  readonly logger: Logger;
}

export type Jobs = ReturnType<typeof createJobs>;

/** Creates the stores of jobs and batches, and the queues of builds. */
export function createJobs({ cell, config, leastMark, logger }: JobsOptions) {
  const { redis, keys, now, faults } = cell;
  const { quarantineAfter, queueTimeoutMs } = config;
  const builds = createBuildQueues({ redis, keys });
  const dispatch = new Dispatch({ redis, keys, builds, logger });
  const shared = { redis, keys, now, faults, dispatch };
  const store = new JobStore({ ...shared, quarantineAfter, queueTimeoutMs, leastMark });
  return { store, builds, dispatch, batches: new BatchStore(shared) };
}
