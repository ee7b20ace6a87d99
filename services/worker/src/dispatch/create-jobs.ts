import type { Cell } from '@slipway/control-plane/cell';
import { BatchStore, Dispatch, JobStore } from '@slipway/control-plane/jobs';
import { createBuildQueues } from '@slipway/control-plane/queues';
import type { Logger } from '@slipway/shared/logger';
import type { WorkerConfig } from '../config.js';

interface JobsOptions {
  readonly cell: Cell;
  readonly config: Pick<WorkerConfig, 'quarantineAfter' | 'queueTimeoutMs'>;
  readonly logger: Logger;
}

export type Jobs = ReturnType<typeof createJobs>;

/** Creates the stores of jobs and batches, and the queues of builds. */
export function createJobs({ cell, config, logger }: JobsOptions) {
  const { redis, keys, now, faults } = cell;
  const { quarantineAfter, queueTimeoutMs } = config;
  const builds = createBuildQueues({ redis, keys });
  const dispatch = new Dispatch({ redis, keys, builds, logger });
  const shared = { redis, keys, now, faults, dispatch };
  const store = new JobStore({ ...shared, quarantineAfter, queueTimeoutMs });
  return { store, builds, dispatch, batches: new BatchStore(shared) };
}
