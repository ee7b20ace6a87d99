import { CampaignStore } from '@slipway/control-plane/campaigns';
import type { Cell } from '@slipway/control-plane/cell';
import { FunctionStore } from '@slipway/control-plane/functions';
import { BatchStore, BuildClients, cancelStopped, Dispatch, JobStore } from '@slipway/control-plane/jobs';
import { createBuildQueues } from '@slipway/control-plane/queues';
import type { Logger } from '@slipway/shared/logger';
import { deriveKeys } from '@slipway/shared/signing';
import type { Tracing } from '@slipway/shared/tracing';
import type { ApiConfig } from '../config.js';
import { JobWatcher } from '../watch/job-watcher.js';

interface JobsOptions {
  readonly cell: Cell;
  readonly config: ApiConfig;
  readonly tracing: Tracing;
  readonly logger: Logger;
}

export type Jobs = ReturnType<typeof createJobs>;

/** Creates the stores of jobs, batches and functions, with their way into the queues. */
export function createJobs({ cell, config, tracing, logger }: JobsOptions) {
  const { redis, keys, now, faults } = cell;
  const builds = createBuildQueues({ redis, keys });
  const dispatch = new Dispatch({ redis, keys, builds, logger });
  const store = new JobStore({ redis, keys, now, faults, dispatch, tracing });
  const batches = new BatchStore({ redis, keys, now, faults, dispatch, tracing });
  return {
    store,
    batches,
    campaigns: new CampaignStore({ redis, keys, now, faults, dispatch }),
    clients: new BuildClients({ redis, keys, dispatch, logger }),
    ahead: (id: string) => builds.position(id),
    /** Cancels the remaining jobs of a stopped batch, after the answer. */
    cancelStopped(id: string) {
      cancelStopped({ id, batches, store }).catch((error: unknown) => {
        logger.warn({ err: error, batch_id: id }, 'left to the leading worker to cancel');
      });
    },
    functions: new FunctionStore({ redis, keys, faults }),
    watcher: new JobWatcher({ subscriber: cell.connect('events'), keys, logger }),
    /** Seals the secrets of callbacks. */
    sealingKey: deriveKeys(config, 'callback secrets'),
    maxQueuedJobs: config.maxQueuedJobs,
    egressAllow: config.egressAllow,
  };
}
