import type { JobRequest } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import type { Dispatcher, JobRecord, JobStore, Tenant } from '@slipway/shared/jobs';
import { seal } from '@slipway/shared/signing';
import { type ResolveDeps, resolveRequest } from './resolve.js';

export interface SubmitDeps extends ResolveDeps {
  readonly store: JobStore;
  readonly dispatch: Dispatcher;
  /** Seals the secrets of callbacks for storage. */
  readonly sealingKey: Buffer;
  readonly maxQueuedJobs: number;
}

/** Accepts a job: once this resolves it will reach a terminal state, whatever dies. */
export async function submitJob(request: JobRequest, tenant: Tenant, deps: SubmitDeps): Promise<JobRecord> {
  const { store, dispatch, sealingKey } = deps;
  const [spec] = await Promise.all([resolveRequest(request, tenant, deps), checkRoom(1, deps)]);
  const id = newId('job');
  const secret = spec.callback?.secret;
  const sealedCallbackSecret = secret === undefined ? undefined : seal(sealingKey, secret, id);
  const created = await store.create(id, spec, { tenant, sealedCallbackSecret });
  const [record] = await Promise.all([store.get(id), dispatch(created.dispatch ? [created] : [])]);
  if (!record) throw new SlipwayError('internal', `The record of ${id} is gone.`);
  return record;
}

/** Throws `queue_full` when so many more jobs may not wait. */
export async function checkRoom(
  jobs: number,
  { store, maxQueuedJobs }: Pick<SubmitDeps, 'store' | 'maxQueuedJobs'>,
): Promise<void> {
  if ((await store.count('queued')) + jobs > maxQueuedJobs) {
    throw new SlipwayError('queue_full', `No more than ${maxQueuedJobs} jobs may wait.`, { retryAfter: 30 });
  }
}
