import type { Cell } from '@slipway/control-plane/cell';
import {
  Announcer,
  addressOf,
  PoolRegistry,
  ReplicaRegistry,
  SlotLedger,
} from '@slipway/control-plane/replicas';
import type { Cleanups } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Redis } from '@slipway/shared/redis';
import { Agent } from 'undici';
import { jobOfLease } from '../attempts/build.js';
import type { Interruptions } from '../attempts/interruptions.js';
import type { WorkerConfig } from '../config.js';
import { buildSlotMs } from '../dispatch/create-jobs.js';
import { KubernetesClient } from '../kubernetes/client.js';
import { measureFleet, type WorkerMetrics } from '../metrics.js';
import type { Renewal } from '../renewal/renewal.js';
import { Discovery } from './discovery.js';
import { Engines } from './engines.js';
import { Placement } from './placement.js';
import { declaredPools, PoolDeclarations } from './pools.js';

interface FleetOptions {
  readonly cell: Cell;
  readonly config: Pick<
    WorkerConfig,
    'builders' | 'kubernetes' | 'pools' | 'poolDrainTargetMs' | 'lockDurationMs' | 'stalledIntervalMs'
  >;
  readonly renewal: Renewal;
  /** Stops the build of a lost slot. */
  readonly interruptions: Interruptions;
  /** A connection that is given over to subscriptions. */
  readonly subscriber: Redis;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
}

export type Fleet = ReturnType<typeof createFleet>;

/** Creates the discovery of replicas, the placement of builds on them, and the connections to them. */
export function createFleet(options: FleetOptions) {
  const { cell, config, renewal, interruptions, subscriber, metrics, logger, cleanups } = options;
  const { redis, keys, now, processName: origin } = cell;
  const registry = new ReplicaRegistry({ redis, keys, now });
  const pools = new PoolRegistry({ redis, keys, now });
  const declarations = new PoolDeclarations({ pools: declaredPools(config), registry: pools, logger });
  const kubernetes = config.kubernetes && new KubernetesClient({ config: config.kubernetes });
  if (kubernetes) cleanups.defer('client of Kubernetes', () => kubernetes.close());
  const announcer = new Announcer({ redis, keys, registry });
  const discovery = new Discovery({
    ...{ builders: config.builders, kubernetes, logger },
    registry: {
      announce: (replicas) => announcer.announce(replicas),
      retire: (urls) => registry.retire(urls),
    },
    onGone(replica) {
      for (const change of ['opened', 'closed'])
        metrics.circuits.remove({ replica: addressOf(replica), change });
    },
  });
  const placement = new Placement({
    ...{ origin, discovery, renewal, subscriber, keys, logger },
    ledger: new SlotLedger({ redis, keys, worker: origin }),
    ttlMs: config.lockDurationMs,
    keptTtlMs: buildSlotMs(config),
    onLost: ({ id }) => interruptions.interrupt(jobOfLease(id), 'slot_lost'),
    onCircuit(replica, change) {
      metrics.circuits.inc({ replica: addressOf(replica), change });
      logger.warn({ replica, change }, 'circuit');
    },
  });
  measureFleet({ registry: metrics.registry, placement });
  const agent = new Agent({ connections: null, pipelining: 1, connect: { timeout: 5_000 } });
  cleanups.defer('agent of builders', () => agent.destroy());
  return {
    registry,
    pools,
    kubernetes,
    discovery,
    placement,
    agent,
    /** They announce what the configuration of this worker says. */
    announcers: [declarations, discovery, new Engines({ registry, discovery, dispatcher: agent, logger })],
  };
}
