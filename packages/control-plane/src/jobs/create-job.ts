import { type JobSpec, priorityClasses } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { TraceContext, Tracing } from '@slipway/shared/tracing';
import { storedQuotaExceeded } from '../stored/index.js';
import { buildKey, buildsLike, referencesOf, sourcesOf } from './identity.js';
import { type PlannedRecord, type PlanOptions, plannedRecord } from './planned-record.js';
import type { JobRecord } from './record.js';
import { type Transition, transitions } from './transition.js';

export interface CreateOptions extends PlanOptions {
  /** The result of `plannedRecord` for the same spec and options. Default: `create` calls it. */
  readonly planned?: PlannedRecord | undefined;
  readonly sealedCallbackSecret?: string | undefined;
  /** The batch that the job belongs to. The job waits until the batch is committed. */
  readonly batch?: string | undefined;
  /** Hashes of values that other jobs of the batch have stored. They are not sent again, and `create` adds those of this job. */
  readonly known?: Set<string>;
  /** Limit of the tenant's bytes in Redis. Default: no limit. */
  readonly maxStoredBytes?: number | undefined;
}

interface NewJob {
  readonly id: string;
  readonly spec: JobSpec;
  readonly options: CreateOptions;
  readonly transition: Transition;
  readonly tracing: Tracing;
  /** Returns the record that the transition returned. */
  readonly recordOf: (fields: unknown, values: unknown) => Promise<JobRecord>;
}

/** Writes a new record; see `JobStore.create`. */
export async function createJob(job: NewJob): Promise<JobRecord | undefined> {
  const { id, spec, options, tracing } = job;
  // Each job of a batch has its own trace, linked to that of the batch: a trace with thousands of jobs is useless.
  const begins = options.batch === undefined ? 'alone' : 'linked';
  return await tracing.span({ name: 'submit job', kind: 'producer', begins }, async (span) => {
    const planned = options.planned ?? plannedRecord(spec, options);
    const created = await writeJob({ ...job, planned, trace: span.context });
    span.set({
      'messaging.system': 'slipway',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'submit',
      'messaging.destination.name': 'builds',
      'messaging.message.id': id,
      'slipway.job.id': id,
      'slipway.batch.id': options.batch,
      'slipway.tenant': options.tenant.name,
      'slipway.function': spec.function,
      'slipway.image': spec.image,
      'slipway.pool': planned.pool,
      'slipway.parts': options.parts?.length,
    });
    return created;
  });
}

async function writeJob(
  job: NewJob & { readonly planned: PlannedRecord; readonly trace: TraceContext | undefined },
): Promise<JobRecord | undefined> {
  const { id, spec, options, planned, trace, transition, recordOf } = job;
  const { tenant, sealedCallbackSecret, batch, known = new Set<string>(), maxStoredBytes } = options;
  const { pool, stored, text, parts, indexes, bytes } = planned;
  const create = (values: readonly (readonly [string, string])[]) => {
    const args = {
      ...{ id, spec: text, secret: sealedCallbackSecret, tenant: tenant.name, weight: tenant.weight },
      class: priorityClasses.indexOf(spec.priority),
      expected: buildsLike(spec, { tenant, pool }),
      build_key: buildKey(spec, pool),
      reuse: spec.force ? 'force' : spec.skip_if_unchanged ? 'skip' : 'share',
      ...{ batch, func: spec.function, pool, parts: parts?.parts, plan: parts?.plan, trace },
      ...{ shared: stored.shared, limit: maxStoredBytes, sources: sourcesOf(spec), indexes: [...indexes] },
      references: referencesOf(spec),
      bytes: bytes + (sealedCallbackSecret?.length ?? 0),
      values: values.flat(),
    } as const;
    return transition(transitions.create, args, 'queue');
  };
  let reply = await create([...stored.values].filter(([hash]) => !known.has(hash)));
  // The last job that listed one of the known values was removed meanwhile.
  if (reply[0] === 'values_missing') reply = await create([...stored.values]);
  const [outcome, detail] = reply;
  if (outcome === 'full')
    throw storedQuotaExceeded({ tenant: tenant.name, used: detail, bytes, maxStoredBytes });
  for (const hash of stored.values.keys()) known.add(hash);
  if (outcome === 'source_gone')
    throw new SlipwayError('source_not_found', `The source ${detail} was removed.`);
  if (outcome === 'closed') {
    throw new SlipwayError(
      'batch_closed',
      `The batch ${batch} was canceled before all its jobs were written.`,
    );
  }
  if (outcome !== 'ok') throw new SlipwayError('internal', `The job id ${id} is taken.`);
  return batch === undefined ? await recordOf(reply[1], reply[2]) : undefined;
}
