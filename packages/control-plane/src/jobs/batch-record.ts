import type { Batch, BatchOptions } from '@slipway/shared/contracts';
import type { TraceContext } from '@slipway/shared/tracing';
import {
  type Fields,
  numberField,
  objectField,
  optionalTimeField,
  timeField,
  wordField,
} from '../records/index.js';

/** A batch as stored in Redis. Times are milliseconds since the epoch. */
export interface BatchRecord {
  readonly id: string;
  readonly tenant: string;
  readonly total: number;
  readonly counts: Batch['counts'];
  readonly onFailure: BatchOptions['on_failure'];
  readonly maxRunning: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly callbackUrl: string | undefined;
  readonly sealedCallbackSecret: string | undefined;
  readonly retryOf: string | undefined;
  /** The trace of the request that submitted the batch, if there was one. */
  readonly trace?: TraceContext | undefined;
  readonly createdAt: number;
  /** The time when the first of its jobs began. */
  readonly startedAt: number | undefined;
  /** Number of jobs that had ended by then, because they were skipped or canceled. */
  readonly endedBefore: number;
  readonly finishedAt: number | undefined;
  /** True when the whole batch was accepted. */
  readonly committed: boolean;
  /** The reason that no more of its jobs begin. */
  readonly stopped: 'canceled' | 'job_failed' | undefined;
}

/** Returns the record, or undefined when the hash is empty. Throws when the record cannot be read. */
export function parseBatchRecord(id: string, fields: Fields): BatchRecord | undefined {
  const { tenant, callback } = fields;
  if (tenant === undefined) return undefined;
  const count = (state: keyof Batch['counts']) =>
    fields[state] === undefined ? 0 : numberField(fields, state);
  return {
    id,
    tenant,
    total: numberField(fields, 'total'),
    counts: {
      queued: count('queued'),
      running: count('running'),
      succeeded: count('succeeded'),
      failed: count('failed'),
      canceled: count('canceled'),
    },
    onFailure: wordField(fields, 'on_failure', ['continue', 'stop']),
    maxRunning: Number(fields.max_running) || undefined,
    labels: fields.labels === undefined ? {} : objectField<Record<string, string>>(fields, 'labels'),
    callbackUrl: callback === undefined ? undefined : objectField<{ url: string }>(fields, 'callback').url,
    sealedCallbackSecret: fields.sealed_callback_secret,
    retryOf: fields.retry_of,
    trace: fields.trace,
    createdAt: timeField(fields, 'created_at'),
    startedAt: optionalTimeField(fields, 'started_at'),
    endedBefore: fields.ended_before === undefined ? 0 : numberField(fields, 'ended_before'),
    finishedAt: optionalTimeField(fields, 'finished_at'),
    committed: fields.committed === '1',
    stopped: fields.stopped as BatchRecord['stopped'],
  };
}

const minuteMs = 60_000;

/** Returns the batch as the API shows it at a time, without the secret of its callback. */
export function toBatch(record: BatchRecord, now: number): Batch {
  const { counts, startedAt, finishedAt } = record;
  const ended = counts.succeeded + counts.failed + counts.canceled;
  const builtMs = startedAt === undefined ? 0 : (finishedAt ?? now) - startedAt;
  const built = ended - record.endedBefore;
  const rate = builtMs > 0 && built > 0 ? built / builtMs : undefined;
  const left = record.total - ended;
  return {
    id: record.id,
    state: finishedAt !== undefined ? 'finished' : record.stopped ? 'stopping' : 'running',
    total: record.total,
    counts,
    on_failure: record.onFailure,
    ...(record.maxRunning !== undefined && { max_running: record.maxRunning }),
    labels: { ...record.labels },
    ...(record.callbackUrl !== undefined && { callback: { url: record.callbackUrl } }),
    ...(record.retryOf !== undefined && { retry_of: record.retryOf }),
    created_at: new Date(record.createdAt).toISOString(),
    ...(finishedAt !== undefined && { finished_at: new Date(finishedAt).toISOString() }),
    ...(rate !== undefined && { jobs_per_minute: Math.round(rate * minuteMs * 10) / 10 }),
    ...(rate !== undefined &&
      finishedAt === undefined && { estimated_end_at: new Date(now + left / rate).toISOString() }),
  };
}
