import { type JobSpec, priorityClasses } from '@slipway/shared/contracts';
import { codeOf, SlipwayError } from '@slipway/shared/errors';
import type { TraceContext, Tracing } from '@slipway/shared/tracing';
import { storedQuotaExceeded } from '../stored/index.js';
import { buildKey, buildsLike, referencesOf, sourcesOf, type Tenant } from './identity.js';
import { type PlannedRecord, type PlanOptions, plannedRecord } from './planned-record.js';
import type { JobRecord } from './record.js';
import { type Transition, transitions } from './transition.js';

/** The options that all jobs of one call share. */
export interface Creation {
  readonly tenant: Tenant;
  /** The batch that the jobs belong to. They wait until the batch is committed. */
  readonly batch?: string | undefined;
  /** Hashes of values that other jobs of the batch have stored. They are not sent again, and those of these jobs are added. */
  readonly known?: Set<string>;
  /** Limit of the tenant's bytes in Redis. Default: no limit. */
  readonly maxStoredBytes?: number | undefined;
}

export interface CreateOptions extends PlanOptions, Creation {
  /** The result of `plannedRecord` for the same spec and options. Default: `create` calls it. */
  readonly planned?: PlannedRecord | undefined;
  readonly sealedCallbackSecret?: string | undefined;
}

/** A job of a batch that is written with others. */
export interface BatchJob {
  readonly id: string;
  readonly spec: JobSpec;
  readonly planned: PlannedRecord;
  readonly sealedCallbackSecret?: string | undefined;
}

interface Writer {
  readonly transition: Transition;
  readonly tracing: Tracing;
}

interface NewJob extends Writer {
  readonly id: string;
  readonly spec: JobSpec;
  readonly options: CreateOptions;
  /** Returns the record that the transition returned. */
  readonly recordOf: (fields: unknown, values: unknown) => Promise<JobRecord>;
}

/** Writes a new record; see `JobStore.create`. */
export async function createJob(job: NewJob): Promise<JobRecord | undefined> {
  const { id, spec, options, recordOf, ...writer } = job;
  const { sealedCallbackSecret, planned = plannedRecord(spec, options), batch, parts } = options;
  const [fields, values] = await createJobs([{ id, spec, planned, sealedCallbackSecret }], options, {
    ...writer,
    parts: parts?.length,
  });
  return batch === undefined ? await recordOf(fields, values) : undefined;
}

/**
 * Writes jobs in one transition, all or none. Returns the fields of the last record and the values that it lists, unless the jobs belong
 * to a batch.
 */
export async function createJobs(
  jobs: readonly BatchJob[],
  creation: Creation,
  { transition, tracing, parts }: Writer & { readonly parts?: number | undefined },
): Promise<readonly unknown[]> {
  // Each job of a batch has its own trace, linked to that of the batch: a trace with thousands of jobs is useless.
  const begins = creation.batch === undefined ? 'alone' : 'linked';
  const spans = jobs.map(({ id, spec, planned }) =>
    tracing.start({
      ...{ name: 'submit job', kind: 'producer', begins },
      attributes: {
        'messaging.system': 'slipway',
        'messaging.operation.type': 'send',
        'messaging.operation.name': 'submit',
        'messaging.destination.name': 'builds',
        'messaging.message.id': id,
        'slipway.job.id': id,
        'slipway.batch.id': creation.batch,
        'slipway.tenant': creation.tenant.name,
        'slipway.function': spec.function,
        'slipway.image': spec.image,
        'slipway.pool': planned.pool,
        'slipway.parts': parts,
      },
    }),
  );
  try {
    const traced = jobs.map((job, at) => ({ ...job, trace: spans[at]?.context }));
    return await write(traced, creation, transition);
  } catch (error) {
    for (const span of spans) span.fail(codeOf(error));
    throw error;
  } finally {
    for (const span of spans) span.end();
  }
}

type TracedJob = BatchJob & { readonly trace: TraceContext | undefined };

/** Returns the fields and values of the record, unless the jobs belong to a batch. */
async function write(
  jobs: readonly TracedJob[],
  { tenant, batch, known = new Set(), maxStoredBytes }: Creation,
  transition: Transition,
): Promise<readonly unknown[]> {
  const create = (stored: ReadonlySet<string>) => {
    const sent = new Set(stored);
    const args = {
      ...{ tenant: tenant.name, weight: tenant.weight, batch, limit: maxStoredBytes },
      jobs: jobs.flatMap((job) => jobArguments(job, tenant, sent)),
    };
    return transition(transitions.create, args, 'queue');
  };
  let reply = await create(known);
  // The last job that listed one of the known values was removed meanwhile.
  if (reply[0] === 'values_missing') reply = await create(new Set());
  const [outcome, ...details] = reply;
  if (outcome === 'full') {
    const bytes = jobs.reduce((sum, { planned }) => sum + planned.bytes, 0);
    throw storedQuotaExceeded({ tenant: tenant.name, used: String(details[0]), bytes, maxStoredBytes });
  }
  for (const { planned } of jobs) for (const hash of planned.stored.values.keys()) known.add(hash);
  if (outcome === 'source_gone')
    throw new SlipwayError('source_not_found', `The source ${details[0]} was removed.`);
  if (outcome === 'closed') {
    throw new SlipwayError(
      'batch_closed',
      `The batch ${batch} was canceled before all its jobs were written.`,
    );
  }
  if (outcome !== 'ok')
    throw new SlipwayError('internal', `A job id is taken, of ${jobs[0]?.id} and others.`);
  return details;
}

/** Returns a job as lua/jobs/create.lua reads it. Values in `sent` are left out, and the others are added to it. */
function jobArguments(job: TracedJob, tenant: Tenant, sent: Set<string>): string[] {
  const { id, spec, planned, sealedCallbackSecret = '', trace = '' } = job;
  const { pool, stored, text, parts, indexes, bytes } = planned;
  const values = [...stored.values].filter(([hash]) => !sent.has(hash));
  for (const [hash] of values) sent.add(hash);
  const sources = sourcesOf(spec);
  const references = referencesOf(spec);
  return [
    ...[id, text, sealedCallbackSecret, String(priorityClasses.indexOf(spec.priority))],
    ...[buildsLike(spec, { tenant, pool }), buildKey(spec, pool)],
    ...[spec.force ? 'force' : spec.skip_if_unchanged ? 'skip' : 'share', spec.function ?? '', pool],
    ...[parts?.parts ?? '', parts?.plan ?? '', trace, stored.shared],
    String(bytes + sealedCallbackSecret.length),
    ...[String(sources.length), ...sources, String(references.length), ...references],
    ...[String(2 * values.length), ...values.flat(), String(indexes.length), ...indexes],
  ];
}
