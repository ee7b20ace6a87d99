import { CampaignStore } from '@slipway/control-plane/campaigns';
import type { Cell } from '@slipway/control-plane/cell';
import { BatchStore, Dispatch, JobStore } from '@slipway/control-plane/jobs';
import { createBuildQueues } from '@slipway/control-plane/queues';
import type { Fields } from '@slipway/shared/config';
import type { Logger } from '@slipway/shared/logger';
import type { QueueConfig } from './consumer.js';

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

/**
 * Returns the milliseconds that the slot of a build lives while no worker holds the build: until its lock has run out, and another worker has found that and has
 * taken it over.
 */
export const buildSlotMs = ({
  lockDurationMs,
  stalledIntervalMs,
}: Pick<QueueConfig, 'lockDurationMs' | 'stalledIntervalMs'>): number =>
  lockDurationMs + 2 * stalledIntervalMs;

interface JobsOptions {
  readonly cell: Cell;
  readonly config: JobsConfig & Pick<QueueConfig, 'lockDurationMs' | 'stalledIntervalMs'>;
  /** Returns the oldest mark of time that Redis must have for a job to start. */
  readonly leastMark: () => number;
  readonly logger: Logger;
}

export type Jobs = ReturnType<typeof createJobs>;

/** Creates the stores of jobs, batches and campaigns, and the queues of builds. */
export function createJobs({ cell, config, leastMark, logger }: JobsOptions) {
  const { redis, keys, now, faults } = cell;
  const { quarantineAfter, queueTimeoutMs } = config;
  const builds = createBuildQueues({ redis, keys });
  const dispatch = new Dispatch({ redis, keys, builds, logger });
  const shared = { redis, keys, now, faults, dispatch };
  const limits = { quarantineAfter, queueTimeoutMs, buildSlotMs: buildSlotMs(config) };
  const store = new JobStore({ ...shared, ...limits, leastMark });
  return { store, builds, dispatch, batches: new BatchStore(shared), campaigns: new CampaignStore(shared) };
}
