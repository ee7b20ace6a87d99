import type { BatchStore } from './batch-store.js';
import type { JobStore } from './job-store.js';

interface CancelStoppedOptions {
  readonly id: string;
  readonly batches: Pick<BatchStore, 'get' | 'jobIds'>;
  readonly store: Pick<JobStore, 'cancel'>;
  /** Approximate limit of jobs to cancel in this call. Default: all. */
  readonly most?: number;
}

const atOnce = 50;

/**
 * Cancels the waiting jobs of a stopped batch, and its running jobs too when the batch was canceled. Jobs that return to the queue
 * meanwhile remain for the next call. Returns the number of jobs that it processed.
 */
export async function cancelStopped(options: CancelStoppedOptions): Promise<number> {
  const { id, batches, store, most = Number.POSITIVE_INFINITY } = options;
  let seen = 0;
  const record = await batches.get(id);
  if (!record?.stopped || record.finishedAt !== undefined) return seen;
  for (const state of record.stopped === 'canceled'
    ? (['queued', 'running'] as const)
    : (['queued'] as const)) {
    if (record.counts[state] === 0) continue;
    for await (const ids of batches.jobIds(id, state)) {
      for (let at = 0; at < ids.length; at += atOnce) {
        await Promise.all(ids.slice(at, at + atOnce).map((jobId) => store.cancel(jobId)));
      }
      seen += ids.length;
      if (seen >= most) return seen;
    }
  }
  return seen;
}
