import type { FunctionView, JobResult, JobSpec } from '../contracts/index.js';

/** What is known of a function. Times are milliseconds since the epoch. */
export interface FunctionRecord {
  /** namespace/name */
  readonly name: string;
  /** What its last job was to build, or what it was said to be; without a callback. */
  readonly spec: JobSpec;
  /** The job that was submitted for it last, if any was. */
  readonly job: string | undefined;
  readonly updatedAt: number;
  /** How it was last built with success. */
  readonly built: BuiltFunction | undefined;
}

interface BuiltFunction {
  readonly job: string;
  readonly at: number;
  readonly result: JobResult;
  /** What was built. */
  readonly spec: JobSpec;
  /** Canonical references; see `canonicalImage`. */
  readonly baseImages: readonly string[];
}

/** Reads the fields of the hash; undefined when there is no such record. */
export function parseFunction(
  name: string,
  fields: Readonly<Record<string, string>>,
): FunctionRecord | undefined {
  const { spec, job, updated_at } = fields;
  if (spec === undefined) return undefined;
  return {
    name,
    spec: withoutCallback(JSON.parse(spec) as JobSpec),
    job,
    updatedAt: Number(updated_at),
    built: parseBuilt(fields),
  };
}

function parseBuilt(fields: Readonly<Record<string, string>>): BuiltFunction | undefined {
  const { built_job, built_at, built_result, built_spec, built_base_images = '[]' } = fields;
  if (built_job === undefined || built_result === undefined || built_spec === undefined) return undefined;
  return {
    job: built_job,
    at: Number(built_at),
    result: JSON.parse(built_result) as JobResult,
    spec: withoutCallback(JSON.parse(built_spec) as JobSpec),
    baseImages: JSON.parse(built_base_images) as string[],
  };
}

function withoutCallback({ callback: _callback, ...spec }: JobSpec): JobSpec {
  return spec;
}

const iso = (ms: number) => new Date(ms).toISOString();

/** The record as the API shows it, without its history. */
export function toFunctionView({ name, spec, job, updatedAt, built }: FunctionRecord): FunctionView {
  const { callback: _callback, secrets, ...shown } = spec;
  return {
    name,
    // That there are secrets may be seen, and no more, though they are sealed.
    spec: { ...shown, ...(secrets && { secrets: { key_id: secrets.key_id, names: secrets.names } }) },
    ...(job !== undefined && { last_job: job }),
    updated_at: iso(updatedAt),
    base_images: [...(built?.baseImages ?? [])],
    ...(built && { last_success: { job: built.job, finished_at: iso(built.at), result: built.result } }),
  };
}
