import type { JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import type { JobStore, Tenant } from '@slipway/shared/jobs';
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

/** Accepts a job: once this resolves it will reach a terminal state, whatever dies. Returns its id. */
export async function submitJob(spec: JobSpec, tenant: Tenant, deps: SubmitDeps): Promise<string> {
  const { store, sources, builds, sealingKey, maxQueuedJobs, logger } = deps;
  if (!(await sources.find(spec.source.digest))) {
    throw new SlipwayError('source_not_found', `There is no source ${spec.source.digest}.`, {
      errors: [{ path: '/source/digest', message: 'names no source that was uploaded' }],
    });
  }
  if ((await store.count('queued')) >= maxQueuedJobs) {
    throw new SlipwayError('queue_full', `${maxQueuedJobs} jobs are waiting already.`, { retryAfter: 30 });
  }
  const id = newId('job');
  const secret = spec.callback?.secret;
  const sealedCallbackSecret = secret === undefined ? undefined : seal(sealingKey, secret, id);
  const priority = await store.create(id, spec, { tenant, sealedCallbackSecret });
  try {
    await builds.add([{ id, data: { jobId: id }, priority }]);
    await store.dispatched([id]);
  } catch (error) {
    // The record stands, so the job is accepted; the reconciler puts it into the queue.
    logger.warn({ err: error, job_id: id }, 'accepted, and left to the reconciler to queue');
  }
  return id;
}
