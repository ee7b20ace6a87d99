import type { Base, FunctionView, JobResult, JobSpec } from '@slipway/shared/contracts';
import { type Fields, listField, objectField, timeField } from '../records/index.js';
import { basesOf, type SharedMaps, type SharedValues, wholeSpec } from '../stored/index.js';

/** A function as stored in Redis. Times are milliseconds since the epoch. */
export interface FunctionRecord {
  /** namespace/name */
  readonly name: string;
  /** The spec of its last job, or the spec that was put last; without a callback. */
  readonly spec: JobSpec;
  /** Entries of the maps in the spec that other records have too. */
  readonly bases: SharedMaps;
  /** The last job of the function, if there was one. */
  readonly job: string | undefined;
  readonly updatedAt: number;
  /** The last successful build. */
  readonly built: BuiltFunction | undefined;
}

interface BuiltFunction {
  readonly job: string;
  readonly at: number;
  readonly result: JobResult;
  /** The spec that was built. */
  readonly spec: JobSpec;
  /** Canonical references; see `canonicalImage`. */
  readonly baseImages: readonly string[];
  /** The same images with their digests. Without any digest, if no builder reported one. */
  readonly bases: readonly Base[];
}

/** Returns the record with the values that it lists, or undefined when the hash is empty. Throws when the record cannot be read. */
export function parseFunction(
  name: string,
  fields: Fields,
  values: SharedValues = new Map(),
): FunctionRecord | undefined {
  const { shared, job } = fields;
  if (fields.spec === undefined) return undefined;
  const { spec, bases } = wholeSpec(objectField<JobSpec>(fields, 'spec'), shared, values);
  return {
    name,
    spec: withoutCallback(spec),
    bases,
    job,
    updatedAt: timeField(fields, 'updated_at'),
    built: parseBuilt(fields, values),
  };
}

function parseBuilt(fields: Fields, values: SharedValues): BuiltFunction | undefined {
  const { built_job, built_result, built_spec, built_shared } = fields;
  if (built_job === undefined || built_result === undefined || built_spec === undefined) return undefined;
  const baseImages = listField<string>(fields, 'built_base_images');
  return {
    job: built_job,
    at: timeField(fields, 'built_at'),
    result: objectField<JobResult>(fields, 'built_result'),
    spec: withoutCallback(wholeSpec(objectField<JobSpec>(fields, 'built_spec'), built_shared, values).spec),
    baseImages,
    bases: basesOf(built_shared, values) ?? baseImages.map((reference) => ({ reference })),
  };
}

function withoutCallback({ callback: _callback, ...spec }: JobSpec): JobSpec {
  return spec;
}

const iso = (ms: number) => new Date(ms).toISOString();

/** Returns the function as the API shows it, without its history. */
export function toFunctionView({ name, spec, job, updatedAt, built }: FunctionRecord): FunctionView {
  const { callback: _callback, secrets, ...shown } = spec;
  return {
    name,
    // Shows only the names of secrets, although their values are sealed.
    spec: { ...shown, ...(secrets && { secrets: { key_id: secrets.key_id, names: secrets.names } }) },
    ...(job !== undefined && { last_job: job }),
    updated_at: iso(updatedAt),
    base_images: [...(built?.baseImages ?? [])],
    bases: [...(built?.bases ?? [])],
    ...(built && { last_success: { job: built.job, finished_at: iso(built.at), result: built.result } }),
  };
}
