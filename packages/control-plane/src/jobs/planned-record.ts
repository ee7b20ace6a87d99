import { defaultPool, type JobSpec } from '@slipway/shared/contracts';
import { type SharedMaps, type StoredSpec, storedSpec, valueBytes } from '../stored/index.js';
import { indexNames, type PartPlan, partRecords, referencesOf, type Tenant } from './identity.js';

export interface PlanOptions {
  readonly tenant: Tenant;
  /** The pool that builds the job. Default: the pool in its spec, or the default pool. */
  readonly pool?: string;
  /** The parts of the job, each built by its own pool; `pool` joins them. */
  readonly parts?: readonly PartPlan[] | undefined;
  /** Entries of the maps in its spec that other jobs have too. */
  readonly bases?: SharedMaps | undefined;
}

/** The data that is written for a job. */
export interface PlannedRecord {
  readonly pool: string;
  readonly stored: StoredSpec;
  /** The spec of the record, as JSON. */
  readonly text: string;
  readonly parts: ReturnType<typeof partRecords> | undefined;
  readonly indexes: readonly string[];
  /** Bytes of its record, its entries in indexes and streams, and its entry in the queue, without shared values. */
  readonly bytes: number;
}

/** Measured with the default settings of Redis: a record without its texts, its entries in the indexes of all jobs, and its entry in the queue. */
const recordBytes = 3_600;
/** Measured in the same way: an entry in one index, without its name. */
const indexBytes = 150;
/** The image is in the record three times, and in the names of four keys. */
const imageCopies = 7;
/** Another reference is in the record, and in the name of the key of the job that pushes to it. */
const referenceCopies = 3;

export function plannedRecord(
  spec: JobSpec,
  { tenant, parts, bases, ...options }: PlanOptions,
): PlannedRecord {
  const stored = storedSpec(withoutCallbackSecret(spec), bases);
  const text = JSON.stringify(stored.own);
  const planned = parts && partRecords({ spec, stored }, parts, tenant);
  const indexes = indexNames(spec, tenant.name);
  const bytes =
    recordBytes +
    sizeOf(text) +
    stored.shared.length +
    sizeOf(planned?.parts ?? '') +
    sizeOf(planned?.plan ?? '') +
    imageCopies * spec.image.length +
    referenceCopies * Math.max(0, referencesOf(spec).join(' ').length - spec.image.length) +
    indexes.reduce((sum, name) => sum + indexBytes + name.length, 0);
  return { pool: options.pool ?? spec.pool ?? defaultPool, stored, text, parts: planned, indexes, bytes };
}

const sizeOf = (text: string) => Buffer.byteLength(text);

/** Returns the bytes of all records together, with each shared value counted once. */
export function bytesOfAll(planned: Iterable<Pick<PlannedRecord, 'bytes' | 'stored'>>): number {
  const values = new Set<string>();
  let sum = 0;
  for (const { bytes, stored } of planned) {
    sum += bytes;
    for (const [hash, text] of stored.values) {
      if (values.has(hash)) continue;
      values.add(hash);
      sum += valueBytes(text);
    }
  }
  return sum;
}

function withoutCallbackSecret(spec: JobSpec): JobSpec {
  if (!spec.callback) return spec;
  const { secret: _secret, ...callback } = spec.callback;
  return { ...spec, callback };
}
