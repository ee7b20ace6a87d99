import type { BatchRecord, JobRecord } from '@slipway/control-plane/jobs';
import type { BatchOptions, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { unseal } from '@slipway/shared/signing';
import type { Ids } from '../idempotency/ids.js';
import { specForRetry } from '../jobs/retry.js';
import type { Account } from '../tenants/account.js';
import { causeOf } from './failures/cause.js';
import { jobsOfBatch } from './jobs-of-batch.js';
import { earlierBatch, type SubmitBatchDeps, submitBatch } from './submit.js';

interface RetryOptions {
  readonly batch: BatchRecord;
  /** `failed`: only jobs that failed or were canceled. */
  readonly which: 'failed' | 'all';
  /** Only jobs that failed with this cause. */
  readonly cause: string | undefined;
  readonly tenant: Account;
  readonly ids: Ids;
}

/** Submits the jobs of an ended batch as a new batch, in their order. Throws `batch_not_retryable` when there are none. */
export async function retryBatch(
  { batch, which, cause, tenant, ids }: RetryOptions,
  deps: SubmitBatchDeps,
): Promise<BatchRecord> {
  const earlier = await earlierBatch(ids, deps);
  if (earlier) return earlier;
  if (batch.finishedAt === undefined) {
    throw new SlipwayError('batch_not_retryable', `The batch ${batch.id} has not ended.`);
  }
  const isWanted = (record: JobRecord) =>
    cause === undefined
      ? which === 'all' || record.state !== 'succeeded'
      : record.state === 'failed' && causeOf(record).id === cause;
  const again: JobRecord[] = [];
  for await (const record of jobsOfBatch(batch, deps.store)) if (isWanted(record)) again.push(record);
  // In the order of their submission.
  again.reverse();
  if (again.length === 0) {
    const missing = cause === undefined ? 'needs to be repeated' : `failed with the cause ${cause}`;
    throw new SlipwayError('batch_not_retryable', `No job of the batch ${batch.id} ${missing}.`);
  }
  const specs: JobSpec[] = again.map((record) => specForRetry(record, deps.sealingKey));
  const basesOf = (at: number) => again[at]?.bases;
  return await submitBatch(
    { specs, basesOf, options: optionsOf(batch, deps), tenant, retryOf: batch.id, ids },
    deps,
  );
}

function optionsOf(batch: BatchRecord, { sealingKey }: SubmitBatchDeps): BatchOptions {
  const { callbackUrl, sealedCallbackSecret } = batch;
  const secret =
    sealedCallbackSecret === undefined ? undefined : unseal(sealingKey, sealedCallbackSecret, batch.id);
  return {
    on_failure: batch.onFailure,
    labels: { ...batch.labels },
    ...(batch.maxRunning !== undefined && { max_running: batch.maxRunning }),
    ...(callbackUrl !== undefined && {
      callback: { url: callbackUrl, ...(secret !== undefined && { secret }) },
    }),
  };
}
