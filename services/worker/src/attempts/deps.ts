import type { JobStore } from '@slipway/control-plane/jobs';
import type { ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { Tally } from '@slipway/control-plane/stats';
import type { BlobStore } from '@slipway/shared/blobs';
import type { Secret } from '@slipway/shared/config';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { Tracing } from '@slipway/shared/tracing';
import type { SourceReader } from '@slipway/source';
import type { Dispatcher } from 'undici';
import type { Placement } from '../fleet/placement.js';
import type { IsolationKey } from '../isolation/isolation-key.js';
import type { RegistryConfig } from '../join/registry.js';
import type { WorkerMetrics } from '../metrics.js';
import type { Interruptions } from './interruptions.js';

/** Dependencies of attempts. */
export interface AttemptDeps {
  readonly store: JobStore;
  readonly sources: SourceReader;
  readonly blobs: BlobStore;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly placement: Placement;
  readonly registry: Pick<ReplicaRegistry, 'setEngine'>;
  readonly interruptions: Interruptions;
  readonly dispatcher: Dispatcher;
  readonly registries: RegistryConfig;
  readonly payloadSecret: Secret;
  readonly isolation: Pick<IsolationKey, 'argumentsOf'>;
  readonly workerName: string;
  readonly buildTimeoutMs: number;
  readonly maxAttempts: number;
  /** Milliseconds that a job is retried while a registry's faults end its attempts. */
  readonly registryRetryMs: number;
  /** Redis' time in milliseconds. */
  readonly now: () => number;
  /** Aborted when the worker is to stop: nothing new is begun then. */
  readonly stopping: AbortSignal;
  readonly random: () => number;
  readonly metrics: WorkerMetrics;
  readonly tally: Pick<Tally, 'started' | 'placed' | 'built' | 'called'>;
  readonly tracing: Tracing;
  readonly logger: Logger;
}

/** Everything known of an attempt at its end, for the one log line it gets. */
export interface Summary {
  replica?: string;
  replaced: number;
  payload_bytes?: number;
  outcome?: string;
  detail?: string;
}
