import { hash } from 'node:crypto';
import type { Attempt, Base, JobError, JobResult } from '@slipway/shared/contracts';
import type { ErrorCode } from '@slipway/shared/errors';
import { boundedDetail, boundedError } from './bounds.js';

/** The outcome of an attempt for a registry that its job pushes to. */
export interface RegistrySign {
  /** `answered` also when the registry refused the push. */
  readonly outcome: 'answered' | 'fault';
  /** The host, as returned by `registryOfImage`. */
  readonly host: string;
}

/** The log of an attempt that is small enough for the record of its job. */
export interface SmallLog {
  readonly text: string;
  /** Stores the log in the blob store instead. Called when the tenant has no room for it in the record. Never rejects. */
  store(): Promise<void>;
}

/** The final end of a job. */
export type AttemptEnd = {
  readonly steps?: Attempt['steps'];
  readonly log?: SmallLog | undefined;
} & AttemptOutcome;

type AttemptOutcome =
  | {
      readonly state: 'succeeded';
      readonly result: JobResult;
      /** References of the base images; undefined when they could not be read. */
      readonly baseImages?: readonly string[] | undefined;
      /** The base images with their digests. Only the first 32 KiB of them, if there are more. */
      readonly bases?: readonly Base[] | undefined;
      /** The attempt asked registries for the base images, so that their digests may be the newest. Default: true. */
      readonly sawBases?: boolean;
    }
  | {
      readonly state: 'failed' | 'canceled';
      readonly error: JobError;
      readonly registry?: RegistrySign | undefined;
    };

/** The reason to put a job back into the queue, and its delay. */
export interface Requeue {
  readonly code: ErrorCode;
  readonly detail: string;
  /** True when the attempt counts against the limit of attempts. */
  readonly spent: boolean;
  /** True when the record keeps the attempt. Default: `spent`. */
  readonly listed?: boolean;
  readonly delayMs: number;
  /** True when no replica built the job, so that it is placed again. The record counts these. */
  readonly placed?: boolean;
  /** True when the builder died during the attempt, which counts towards quarantine. */
  readonly died?: boolean;
  readonly registry?: RegistrySign | undefined;
  readonly steps?: Attempt['steps'];
  readonly log?: SmallLog | undefined;
}

/** Returns the arguments of the transition `finish` besides id and token. */
export function finishArgs(end: AttemptEnd) {
  const steps = { steps: end.steps?.total, cached_steps: end.steps?.cached };
  if (end.state === 'succeeded') {
    return {
      state: end.state,
      outcome: 'succeeded',
      detail: '',
      registry: 'answered',
      field: 'result',
      body: JSON.stringify(end.result),
      base_images: JSON.stringify(end.baseImages),
      ...basesOf(end),
      cached_result: JSON.stringify({ ...end.result, cached: true, duration_ms: 0 }),
      ...steps,
    } as const;
  }
  const error = boundedError(end.error);
  return {
    state: end.state,
    outcome: error.code,
    detail: error.detail,
    registry: end.registry?.outcome,
    registry_host: end.registry?.host,
    field: 'error',
    body: JSON.stringify({ ...error, log_tail: [] }),
    seen: none,
    ...tailOf(error),
    ...steps,
  } as const;
}

const none: string[] = [];

interface BasesArgs {
  readonly bases?: string;
  readonly bases_hash?: string;
  readonly seen: string[];
}

/** Returns the base images as a value that records share, and the digests that may be the newest. */
function basesOf({ bases = [], sawBases = true }: AttemptEnd & { readonly state: 'succeeded' }): BasesArgs {
  const known = bases.filter(({ digest }) => digest !== undefined);
  if (known.length === 0) return { seen: none };
  const text = JSON.stringify(bases);
  const seen = sawBases
    ? known.flatMap(({ reference, digest = '' }) => (reference.includes('@') ? [] : [reference, digest]))
    : none;
  return { bases: text, bases_hash: hash('sha256', text, 'base64url').slice(0, 32), seen };
}

/** Returns the arguments of the transition `requeue` besides id, token and the limit of losses. */
export function requeueArgs(requeue: Requeue) {
  const { code, detail, spent, delayMs, registry, steps } = requeue;
  const { listed = spent, died = false, placed = false } = requeue;
  return {
    ...{ outcome: code, detail: boundedDetail(detail), spent, listed, died, placed },
    ...{ registry: registry?.outcome, registry_host: registry?.host },
    ...{ delay_ms: Math.round(delayMs), steps: steps?.total, cached_steps: steps?.cached },
  };
}

/** Returns the end of the log of a failure as a value that the record refers to. */
function tailOf({ log_tail }: JobError): { readonly log_tail_hash?: string; readonly log_tail?: string } {
  if (log_tail.length === 0) return {};
  const text = JSON.stringify(log_tail);
  return { log_tail_hash: hash('sha256', text, 'base64url').slice(0, 32), log_tail: text };
}
