import type { JobStore } from '@slipway/control-plane/jobs';
import type { ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { MinuteCounts } from '@slipway/control-plane/stats';
import type { BlobStore } from '@slipway/shared/blobs';
import type { Fields, Secret } from '@slipway/shared/config';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { Tracing } from '@slipway/shared/tracing';
import type { SourceReader } from '@slipway/source';
import type { Dispatcher } from 'undici';
import type { Placement } from '../fleet/placement.js';
import type { IsolationKey } from '../isolation/isolation-key.js';
import type { WorkerMetrics } from '../metrics.js';
import type { RegistryConfig } from '../registry/config.js';
import type { Interruptions } from './interruptions.js';

export interface AttemptsConfig {
  readonly buildTimeoutMs: number;
  readonly maxAttempts: number;
  /** Milliseconds that a job is retried while a registry's faults end its attempts. Such attempts do not count. */
  readonly registryRetryMs: number;
}

export function attemptsConfig(fields: Fields): AttemptsConfig {
  return {
    buildTimeoutMs: fields.int('BUILD_TIMEOUT_MS', {
      doc: 'Of one attempt, unless the job has a `timeout`',
      default: 30 * 60_000,
      min: 1,
    }),
    maxAttempts: fields.int('MAX_ATTEMPTS', {
      doc: 'Attempts that a job may spend',
      default: 4,
      min: 1,
      max: 100,
    }),
    registryRetryMs: fields.int('REGISTRY_RETRY_MS', {
      doc: 'How long a job is retried while faults of a registry end its attempts. Such attempts are not spent',
      default: 10 * 60_000,
      min: 1_000,
    }),
  };
}

/** Dependencies of attempts. */
export interface AttemptDeps extends AttemptsConfig {
  readonly store: JobStore;
  readonly sources: SourceReader;
  readonly blobs: BlobStore;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly placement: Placement;
  readonly registry: Pick<
    ReplicaRegistry,
    'get' | 'setEngine' | 'setReadiness' | 'isLeaving' | 'mayHaveBuild'
  >;
  readonly interruptions: Interruptions;
  readonly dispatcher: Dispatcher;
  readonly registries: RegistryConfig;
  readonly payloadSecret: Secret;
  readonly isolation: Pick<IsolationKey, 'argumentsOf'>;
  readonly workerName: string;
  /** Redis' time in milliseconds. */
  readonly now: () => number;
  /** Aborted when the worker drains. It begins no attempt then. */
  readonly stopping: AbortSignal;
  readonly random: () => number;
  readonly metrics: WorkerMetrics;
  readonly counts: Pick<MinuteCounts, 'started' | 'placed' | 'built' | 'called'>;
  readonly tracing: Tracing;
  readonly logger: Logger;
}

/** Fields of the log line at the end of an attempt. */
export interface Summary {
  replica?: string;
  replaced: number;
  payload_bytes?: number;
  outcome?: string;
  detail?: string;
}
