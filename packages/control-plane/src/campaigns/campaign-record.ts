import { type Campaign, type Comparison, comparisonOutcomes, type Waves } from '@slipway/shared/contracts';
import type { BatchRecord } from '../jobs/index.js';
import {
  type Fields,
  numberField,
  objectField,
  optionalTimeField,
  timeField,
  wordField,
} from '../records/index.js';

/** The options of a campaign. They never change. */
export interface CampaignOptions {
  readonly waves: Waves;
  readonly labels: Readonly<Record<string, string>>;
  readonly only_changed: boolean;
  readonly max_running?: number | undefined;
  /** ISO 8601. */
  readonly finish_by?: string | undefined;
  readonly callback?: { readonly url: string } | undefined;
  readonly sealed_callback_secret?: string | undefined;
  readonly retry_of?: string | undefined;
}

/** A campaign as stored in Redis. Times are milliseconds since the epoch. */
export interface CampaignRecord {
  readonly id: string;
  readonly tenant: string;
  readonly options: CampaignOptions;
  /** The batches of the waves, in their order. */
  readonly batches: readonly string[];
  /** The numbers of functions of the waves. */
  readonly sizes: readonly number[];
  /** The base images whose functions it builds; empty for another selector. */
  readonly bases: readonly string[];
  readonly maxFailures: number;
  /** The number of the current wave. */
  readonly wave: number;
  /** The number of the last wave whose results are recorded. */
  readonly compared: number;
  readonly comparison: Comparison;
  readonly createdAt: number;
  readonly pausedAt: number | undefined;
  readonly pausedBy: 'request' | 'max_failures' | undefined;
  /** Sum of the pauses that have ended. */
  readonly pausedMs: number;
  readonly canceledAt: number | undefined;
  readonly finishedAt: number | undefined;
}

const pauseReasons = ['request', 'max_failures'] as const;

/** Returns the record, or undefined when the hash is empty or the campaign was given up. Throws when the record cannot be read. */
export function parseCampaign(id: string, fields: Fields): CampaignRecord | undefined {
  const { tenant } = fields;
  if (tenant === undefined) return undefined;
  const words = (name: string) => (fields[name] ?? '').split(' ').filter((word) => word !== '');
  const pausedAt = optionalTimeField(fields, 'paused_at');
  const counts = comparisonOutcomes.map((name) => [
    name,
    fields[name] === undefined ? 0 : numberField(fields, name),
  ]);
  return {
    id,
    tenant,
    options: objectField<CampaignOptions>(fields, 'options'),
    batches: words('batches'),
    sizes: words('sizes').map(Number),
    bases: words('bases'),
    maxFailures: numberField(fields, 'max_failures'),
    wave: numberField(fields, 'wave'),
    compared: numberField(fields, 'compared'),
    comparison: Object.fromEntries(counts) as Comparison,
    createdAt: timeField(fields, 'created_at'),
    pausedAt,
    pausedBy: pausedAt === undefined ? undefined : wordField(fields, 'paused_by', pauseReasons),
    pausedMs: numberField(fields, 'paused_ms'),
    canceledAt: optionalTimeField(fields, 'canceled_at'),
    finishedAt: optionalTimeField(fields, 'finished_at'),
  };
}

const minuteMs = 60_000;
const iso = (ms: number) => new Date(ms).toISOString();

/** Returns the campaign as the API shows it at a time. `batches`: the batches of its waves, as far as they exist. */
export function toCampaign(
  record: CampaignRecord,
  batches: ReadonlyMap<string, BatchRecord>,
  now: number,
): Campaign {
  const { options, sizes, finishedAt, pausedAt, canceledAt } = record;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const rate = rateOf(record, batches, now);
  const predicted =
    finishedAt === undefined && rate !== undefined
      ? now + (total - endedOf(record, batches)) / rate
      : undefined;
  const due = options.finish_by === undefined ? undefined : Date.parse(options.finish_by);
  const state =
    finishedAt !== undefined
      ? 'finished'
      : canceledAt !== undefined
        ? 'stopping'
        : pausedAt !== undefined
          ? 'paused'
          : 'running';
  return {
    id: record.id,
    state,
    ...(state === 'paused' && record.pausedBy && { paused_by: record.pausedBy }),
    canceled: canceledAt !== undefined,
    total,
    wave: record.wave,
    waves: record.batches.map((id, at) => waveView(record, at, batches.get(id))),
    comparison: record.comparison,
    base_images: [...record.bases],
    max_failures: record.maxFailures,
    ...(options.max_running !== undefined && { max_running: options.max_running }),
    only_changed: options.only_changed,
    labels: { ...options.labels },
    ...(options.callback && { callback: { url: options.callback.url } }),
    ...(options.retry_of !== undefined && { retry_of: options.retry_of }),
    ...(options.finish_by !== undefined && { finish_by: options.finish_by }),
    ...(predicted !== undefined && { predicted_end: iso(predicted) }),
    ...(due !== undefined && { late: (finishedAt ?? predicted ?? now) > due }),
    ...(rate !== undefined && { jobs_per_minute: Math.round(rate * minuteMs * 10) / 10 }),
    created_at: iso(record.createdAt),
    ...(finishedAt !== undefined && { finished_at: iso(finishedAt) }),
  };
}

function waveView(
  { sizes, wave, batches, finishedAt }: CampaignRecord,
  at: number,
  batch: BatchRecord | undefined,
): Campaign['waves'][number] {
  const ended = finishedAt !== undefined || at + 1 < wave || batch?.finishedAt !== undefined;
  return {
    number: at + 1,
    total: sizes[at] ?? 0,
    state: ended ? 'finished' : at + 1 === wave ? 'running' : 'waiting',
    batch: batches[at] ?? '',
    ...(batch && { counts: batch.counts }),
  };
}

const endedIn = ({ counts }: BatchRecord) => counts.succeeded + counts.failed + counts.canceled;

/** Returns how many of its jobs have ended. All jobs of a batch whose record was removed have ended. */
const endedOf = ({ batches, sizes }: CampaignRecord, records: ReadonlyMap<string, BatchRecord>): number =>
  batches.reduce((sum, id, at) => {
    const batch = records.get(id);
    return sum + (batch ? endedIn(batch) : (sizes[at] ?? 0));
  }, 0);

/** Returns the jobs that ended in a ms, without pauses and jobs that ended before the first one began; undefined if there are none. */
function rateOf(
  record: CampaignRecord,
  batches: ReadonlyMap<string, BatchRecord>,
  now: number,
): number | undefined {
  const begun = [...batches.values()].filter(({ startedAt }) => startedAt !== undefined);
  const startedAt = Math.min(...begun.map((batch) => batch.startedAt ?? now));
  const built = begun.reduce((sum, batch) => sum + endedIn(batch) - batch.endedBefore, 0);
  const end = record.finishedAt ?? record.pausedAt ?? now;
  const ms = end - startedAt - record.pausedMs;
  return begun.length > 0 && built > 0 && ms > 0 ? built / ms : undefined;
}
