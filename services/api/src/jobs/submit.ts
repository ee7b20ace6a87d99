import type { JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import type { JobRecord, JobStore, Tenant } from '@slipway/shared/jobs';
import type { Logger } from '@slipway/shared/logger';
import type { Sender } from '@slipway/shared/queues';
import { seal } from '@slipway/shared/signing';
import type { SourceStore } from '@slipway/shared/source';

export interface SubmitDeps {
  readonly store: JobStore;
  readonly sources: Pick<SourceStore, 'find'>;
  readonly builds: Pick<Sender<'builds'>, 'add'>;
  /** Seals the secrets of callbacks for storage. */
  readonly sealingKey: Buffer;
  readonly maxQueuedJobs: number;
  readonly logger: Logger;
}

/** Accepts a job: once this resolves it will reach a terminal state, whatever dies. */
export async function submitJob(spec: JobSpec, tenant: Tenant, deps: SubmitDeps): Promise<JobRecord> {
  const { store, sources, sealingKey, maxQueuedJobs } = deps;
  const [source, queued] = await Promise.all([sources.find(spec.source.digest), store.count('queued')]);
  if (!source) {
    throw new SlipwayError('source_not_found', `There is no source ${spec.source.digest}.`, {
      errors: [{ path: '/source/digest', message: 'names no source that was uploaded' }],
    });
  }
  if (queued >= maxQueuedJobs) {
    throw new SlipwayError('queue_full', `${maxQueuedJobs} jobs are waiting already.`, { retryAfter: 30 });
  }
  const id = newId('job');
  const secret = spec.callback?.secret;
  const sealedCallbackSecret = secret === undefined ? undefined : seal(sealingKey, secret, id);
  const priority = await store.create(id, spec, { tenant, sealedCallbackSecret });
  const [record] = await Promise.all([store.get(id), dispatch({ id, priority }, deps)]);
  if (!record) throw new SlipwayError('internal', `The record of ${id} is gone.`);
  return record;
}

/** Puts an accepted job into the queue. Never rejects: the record stands, and the reconciler does it otherwise. */
async function dispatch(job: { id: string; priority: number }, deps: SubmitDeps): Promise<void> {
  const { store, builds, logger } = deps;
  const { id, priority } = job;
  try {
    await builds.add([{ id, data: { jobId: id }, priority }]);
    await store.dispatched([id]);
  } catch (error) {
    logger.warn({ err: error, job_id: id }, 'accepted, and left to the reconciler to queue');
  }
}
