import type { Cell } from '@slipway/control-plane/cell';
import type { MinuteCounts } from '@slipway/control-plane/stats';
import { PayloadSecretStore } from '@slipway/control-plane/tenants';
import { removeEarlierQueue } from '@slipway/control-plane/webhooks';
import type { BlobStore } from '@slipway/shared/blobs';
import type { Cleanups } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { deriveKeys } from '@slipway/shared/signing';
import { SourceOwners, SourceUses } from '@slipway/source';
import type { CanceledBuildStopper } from '../attempts/canceled-build-stopper.js';
import { createBaseWatcher } from '../base-images/create-watcher.js';
import type { WorkerConfig } from '../config.js';
import type { Jobs } from '../dispatch/create-jobs.js';
import type { Fleet } from '../fleet/create-fleet.js';
import { HealthMonitor } from '../fleet/health.js';
import type { TimeMarks } from '../hold/time-marks.js';
import type { IsolationKey } from '../isolation/isolation-key.js';
import { measureLeader, type WorkerMetrics } from '../metrics.js';
import type { Webhooks } from '../notify/create-webhooks.js';
import { Batches } from './batches.js';
import { BudgetRetention } from './budget-retention.js';
import { Campaigns } from './campaigns.js';
import { Capacity } from './capacity.js';
import { DeletionCosts } from './deletion-costs.js';
import { DeliveryRetention } from './delivery-retention.js';
import { Leader, type LeaderTask } from './leader.js';
import { QueueDepth } from './queue-depth.js';
import { Reconciler } from './reconciler.js';
import { RemovalBudget } from './removal-budget.js';
import { Resealing } from './resealing.js';
import { Retention } from './retention.js';
import { SourceCollection } from './source-collection.js';
import { UnsavedLogs } from './unsaved-logs.js';

interface TasksOptions {
  readonly cell: Cell;
  readonly config: WorkerConfig;
  readonly jobs: Jobs;
  readonly fleet: Fleet;
  readonly webhooks: Webhooks;
  readonly timeMarks: TimeMarks;
  readonly canceledBuilds: Pick<CanceledBuildStopper, 'look'>;
  readonly blobs: BlobStore;
  readonly isolation: IsolationKey;
  readonly counts: MinuteCounts;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
}

/** Creates the leader, with all tasks of an installation. */
export function createLeader(options: TasksOptions): Leader {
  const { cell, metrics, logger } = options;
  const { redis, keys, clock, processName: workerName } = cell;
  const leader = new Leader({ redis, keys, clock, workerName, tasks: tasksOf(options), logger });
  measureLeader({ registry: metrics.registry, leader });
  return leader;
}

function tasksOf(options: TasksOptions): LeaderTask[] {
  const { cell, config, jobs, fleet, webhooks, blobs, isolation, counts, metrics, logger, timeMarks } =
    options;
  const { canceledBuilds, cleanups } = options;
  const { redis, keys, now, faults } = cell;
  const { store, builds, batches, campaigns, dispatch } = jobs;
  const { registry, pools, discovery, kubernetes } = fleet;
  const { endpoints, deliveries } = webhooks;
  const sealingKey = deriveKeys(config, 'payload secrets');
  const payloadSecrets = new PayloadSecretStore({ redis, keys, faults, sealingKey });
  const baseWatcher = createBaseWatcher({ cell, config, registry: metrics.registry, logger, cleanups });
  return [
    new HealthMonitor({ registry, discovery, dispatcher: fleet.agent, logger }),
    { name: 'forgotten replicas', everyMs: 60_000, run: () => registry.forget() },
    new Capacity({ registry, pools, builds, logger }),
    ...(config.podDeletionCost && kubernetes ? [new DeletionCosts({ registry, kubernetes, logger })] : []),
    new QueueDepth({ pools, store, counts }),
    { name: 'canceled builds', everyMs: 5_000, run: () => canceledBuilds.look() },
    new Reconciler({ redis, keys, store, dispatch, now, metrics, logger }),
    new Batches({ batches, store, logger }),
    new Campaigns({ campaigns, batches, store, logger }),
    new UnsavedLogs({ redis, keys, blobs, store, logger }),
    ...(baseWatcher ? [baseWatcher] : []),
    new Retention({
      ...{ store, blobs, now, logger, config: config.retention },
      budget: new RemovalBudget({ redis, keys, of: 'jobs' }),
    }),
    { name: 'time mark', everyMs: timeMarks.everyMs, run: () => timeMarks.copy() },
    { name: 'deliveries', everyMs: 500, run: () => deliveries.wakeLanes() },
    { name: 'earlier delivery queue', everyMs: 60_000, run: () => removeEarlierQueue({ redis, keys }) },
    new BudgetRetention({ redis, keys, store, blobs, deliveries, logger }),
    new DeliveryRetention({
      ...{ deliveries, logger, config: config.deliveryRetention },
      budget: new RemovalBudget({ redis, keys, of: 'deliveries' }),
    }),
    ...(config.previousPayloadSecrets.length === 0
      ? []
      : [new Resealing({ stores: [endpoints, isolation, payloadSecrets], logger })]),
    new SourceCollection({
      ...{ redis, keys, blobs, logger, graceMs: config.sourceGraceMs },
      uses: new SourceUses({ redis, keys }),
      owners: new SourceOwners({ redis, keys }),
    }),
  ];
}
