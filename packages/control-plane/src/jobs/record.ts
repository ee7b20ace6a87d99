import {
  type Attempt,
  type Base,
  defaultPool,
  type Job,
  type JobError,
  type JobResult,
  type JobSpec,
  type JobState,
  jobStates,
} from '@slipway/shared/contracts';
import type { ErrorCode } from '@slipway/shared/errors';
import { type TraceContext, traceIdOf } from '@slipway/shared/tracing';
import {
  type Fields,
  numberField,
  objectField,
  optionalTimeField,
  timeField,
  wordField,
} from '../records/index.js';
import { addressOf } from '../replicas/index.js';
import { basesOf, type SharedMaps, type SharedValues, sharedValue, wholeSpec } from '../stored/index.js';

/** A job as stored in Redis. Times are milliseconds since the epoch. */
export interface JobRecord {
  readonly id: string;
  readonly spec: JobSpec;
  /** Entries of the maps in the spec that other jobs have too. A repeated job shares them. */
  readonly bases?: SharedMaps;
  readonly tenant: string;
  /** The pool whose replicas build the job. */
  readonly pool: string;
  /** The position in the queue: lower is earlier. */
  readonly priority: number;
  readonly state: JobState;
  readonly version: number;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly retryAt: number | undefined;
  readonly cancelRequested: boolean;
  /** The time of the first cancel request. Undefined also for a request that an older version recorded. */
  readonly cancelRequestedAt?: number | undefined;
  /** Number of attempts that began, including those that were placed again. */
  readonly attempt: number;
  /** The id of the build of the running attempt, if another worker can attach to it. */
  readonly build?: string | undefined;
  /** Number of attempts that count against the limit. */
  readonly spent: number;
  /** Number of times that the job was placed again without a spent attempt, because no replica could build it. */
  readonly placements: number;
  /** Number of workers and builders that died while they built the job. */
  readonly lost: number;
  readonly attempts: readonly Attempt[];
  /** The largest number of parts of an attempt's log; 0 when all logs are small. */
  readonly logParts: number;
  readonly result: JobResult | undefined;
  /** The base images of a success with their digests; undefined if no digest is known. */
  readonly usedBases?: readonly Base[] | undefined;
  readonly error: JobError | undefined;
  readonly sealedCallbackSecret: string | undefined;
  readonly batch: string | undefined;
  /** The trace of the job, if it has one. */
  readonly trace?: TraceContext | undefined;
  /** The parts of the job; undefined for a job that one pool builds. */
  readonly parts: readonly PartState[] | undefined;
  /** The job that this one is a part of. */
  readonly partOf: string | undefined;
}

interface PartState {
  readonly id: string;
  readonly pool: string;
  readonly platforms: readonly string[];
  /** Undefined until its job was created. */
  readonly state: JobState | undefined;
}

const iso = (ms: number) => new Date(ms).toISOString();
/** Returns the record with the values that it lists, or undefined when the hash is empty. Throws when the record cannot be read. */
export function parseRecord(
  id: string,
  fields: Fields,
  values: SharedValues = new Map(),
): JobRecord | undefined {
  if (Object.keys(fields).length === 0) return undefined;
  return {
    id,
    ...specOf(fields, values),
    tenant: fields.tenant ?? '',
    pool: fields.pool ?? defaultPool,
    priority: numberField(fields, 'priority'),
    state: wordField(fields, 'state', jobStates),
    version: numberField(fields, 'version'),
    createdAt: timeField(fields, 'created_at'),
    startedAt: optionalTimeField(fields, 'started_at'),
    finishedAt: optionalTimeField(fields, 'finished_at'),
    retryAt: optionalTimeField(fields, 'retry_at'),
    cancelRequested: fields.cancel_requested !== undefined,
    cancelRequestedAt: optionalTimeField(fields, 'cancel_requested_at'),
    attempt: numberField(fields, 'attempt'),
    build: fields[`build:${fields.attempt}`],
    spent: numberField(fields, 'spent'),
    placements: fields.placements === undefined ? 0 : numberField(fields, 'placements'),
    lost: numberField(fields, 'lost'),
    attempts: attemptsOf(fields),
    logParts: fields.log_parts === undefined ? 0 : numberField(fields, 'log_parts'),
    result: fields.result === undefined ? undefined : objectField<JobResult>(fields, 'result'),
    usedBases: basesOf(fields.shared, values),
    error: fields.error === undefined ? undefined : errorOf(fields, values),
    sealedCallbackSecret: fields.sealed_callback_secret,
    batch: fields.batch,
    trace: fields.trace,
    parts: fields.parts === undefined ? undefined : partsOf(fields.parts, fields),
    partOf: fields.part_of,
  };
}

/** Returns the spec and its shared entries. Throws when the spec lacks the shape that all readers rely on. */
function specOf(fields: Fields, values: SharedValues) {
  const whole = wholeSpec(objectField<JobSpec>(fields, 'spec'), fields.shared, values);
  if (typeof whole.spec.image !== 'string') throw new Error('spec names no image');
  return whole;
}

/** Returns the error with the end of the log. Records of older versions have the log in the error itself. */
function errorOf(fields: Fields, values: SharedValues): JobError {
  const error = objectField<JobError>(fields, 'error');
  const tail = sharedValue(fields.shared, 'log_tail', values) as string[] | undefined;
  return tail ? { ...error, log_tail: tail } : error;
}

function partsOf(text: string, fields: Fields): PartState[] {
  const parts = JSON.parse(text) as readonly Omit<PartState, 'state'>[];
  return parts.map(({ id, pool, platforms }) => ({
    id,
    pool,
    platforms,
    state: fields[`part:${id}`] as JobState | undefined,
  }));
}

function attemptsOf(fields: Fields): Attempt[] {
  const attempts: Attempt[] = [];
  for (let number = 1; number <= Number(fields.attempt); number++) {
    const begun = fields[`start:${number}`];
    if (begun === undefined) continue;
    const start = JSON.parse(begun) as { at: number; worker: string; wait: number };
    const ended = fields[`end:${number}`];
    const end =
      ended === undefined
        ? undefined
        : (JSON.parse(ended) as {
            at: number;
            outcome: string;
            detail?: string;
            steps?: number;
            cached?: number;
          });
    const replica = fields[`replica:${number}`];
    const logError = fields[`log_error:${number}`];
    const takeovers = fields[`takeovers:${number}`];
    attempts.push({
      number,
      worker: fields[`worker:${number}`] ?? start.worker,
      ...(takeovers !== undefined && { takeovers: Number(takeovers) }),
      // An attempt that joins images has no replica.
      ...(replica !== undefined && replica !== '' && { replica }),
      wait_ms: start.wait,
      started_at: iso(start.at),
      ...(end && {
        finished_at: iso(end.at),
        outcome: end.outcome as NonNullable<Attempt['outcome']>,
        ...(end.detail !== undefined && end.detail !== '' && { detail: end.detail }),
        ...(end.steps !== undefined && { steps: { total: end.steps, cached: end.cached ?? 0 } }),
      }),
      ...(logError !== undefined && { log_error: logError as ErrorCode }),
    });
  }
  return attempts;
}

/** Returns the job as the API shows it, without the values of build secrets and the secret of the callback. */
export function toJob(record: JobRecord): Job {
  const { spec } = record;
  return {
    id: record.id,
    state: record.state,
    ...spec,
    pool: record.pool,
    callback: spec.callback && { url: spec.callback.url },
    secrets: spec.secrets && { key_id: spec.secrets.key_id, names: spec.secrets.names },
    ...(record.batch !== undefined && { batch: record.batch }),
    ...(record.partOf !== undefined && { part_of: record.partOf }),
    ...(record.parts && {
      parts: record.parts.map(({ id: job, pool, platforms, state }) => ({
        job,
        pool,
        platforms: [...platforms],
        ...(state !== undefined && { state }),
      })),
    }),
    version: record.version,
    created_at: iso(record.createdAt),
    ...(record.startedAt !== undefined && { started_at: iso(record.startedAt) }),
    ...(record.finishedAt !== undefined && { finished_at: iso(record.finishedAt) }),
    ...(record.retryAt !== undefined && { retry_at: iso(record.retryAt) }),
    cancel_requested: record.cancelRequested,
    ...(record.cancelRequestedAt !== undefined && { cancel_requested_at: iso(record.cancelRequestedAt) }),
    attempts: record.attempts.map(({ replica, ...attempt }) => ({
      ...attempt,
      ...(replica !== undefined && { replica: addressOf(replica) }),
    })),
    ...(record.placements > 0 && { placements: record.placements }),
    ...(record.trace !== undefined && { trace_id: traceIdOf(record.trace) }),
    ...(record.result && { result: record.result }),
    ...(record.usedBases && { bases: [...record.usedBases] }),
    ...(record.error && { error: record.error }),
  };
}
