import type { BatchOptions, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { BatchRecord, BatchStore } from '@slipway/shared/jobs';
import { seal } from '@slipway/shared/signing';
import { type Ids, newIds } from '../idempotency/ids.js';
import { checkCallback } from '../jobs/resolve/callback.js';
import type { SubmitDeps } from '../jobs/submit.js';
import { type Account, checkRoom } from '../tenants/account.js';
import { placeItems } from './place-items.js';

export interface SubmitBatchDeps
  extends Pick<SubmitDeps, 'store' | 'sealingKey' | 'maxQueuedJobs' | 'pools' | 'egressAllow'> {
  readonly batches: BatchStore;
}

export interface BatchSubmission {
  /** The jobs, with everything looked up; see `resolveItems`. */
  readonly specs: readonly JobSpec[];
  readonly options: BatchOptions;
  readonly tenant: Account;
  /** The batch that it repeats. */
  readonly retryOf?: string | undefined;
  readonly ids?: Ids | undefined;
}

/** So many records are written at once, so that Redis can answer others in between. */
const atOnce = 250;

/**
 * The batch that an earlier try of the request has made, if that got as far as accepting it. One that was not accepted is given up, and `ids` are
 * others from then on.
 */
export async function earlierBatch(
  ids: Ids,
  { batches }: Pick<SubmitBatchDeps, 'batches'>,
): Promise<BatchRecord | undefined> {
  if (!ids.used) return undefined;
  const id = ids.next('batch');
  // Between the two it may be accepted, by a process that was only slow.
  await batches.giveUp(id);
  const record = await batches.get(id);
  if (record?.committed) return record;
  await ids.renew();
  return undefined;
}

/**
 * Accepts a batch, all of it or nothing: once this resolves each job will reach a terminal state, whatever dies. Nothing is
 * built before that; what a process leaves that dies on the way is canceled a minute later.
 * Throws `batch_invalid` when the tenant may not have some of them built or no pool builds them, and `queue_full` or `tenant_queue_full` when not all of its jobs may wait.
 */
export async function submitBatch(
  { specs, options, tenant, retryOf, ids = newIds }: BatchSubmission,
  { store, batches, pools, sealingKey, maxQueuedJobs, egressAllow }: SubmitBatchDeps,
): Promise<BatchRecord> {
  checkCallback(options.callback, tenant.name, egressAllow);
  const chosen = await pools.decide((known) => placeItems(specs, tenant, known));
  await checkRoom(specs.length, tenant, { store, maxQueuedJobs });
  const id = ids.next('batch');
  const sealed = (secret: string | undefined, owner: string) =>
    secret === undefined ? undefined : seal(sealingKey, secret, owner);
  await batches.open(id, {
    tenant,
    total: specs.length,
    options,
    sealedCallbackSecret: sealed(options.callback?.secret, id),
    retryOf,
  });
  try {
    for (let at = 0; at < specs.length; at += atOnce) {
      await Promise.all(
        specs.slice(at, at + atOnce).map(async (spec, offset) => {
          const jobId = ids.next('job');
          const sealedCallbackSecret = sealed(spec.callback?.secret, jobId);
          await store.create(jobId, spec, {
            tenant,
            batch: id,
            sealedCallbackSecret,
            ...chosen[at + offset],
          });
        }),
      );
    }
    if (!(await batches.commit(id))) {
      throw new SlipwayError('batch_closed', `The batch ${id} was given up before it was written.`);
    }
  } catch (error) {
    // If this fails too, the leading worker does it.
    await batches.giveUp(id).catch(() => undefined);
    throw error;
  }
  const record = await batches.get(id);
  if (!record) throw new SlipwayError('internal', `The record of ${id} is gone.`);
  return record;
}
