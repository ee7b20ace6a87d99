import type { BatchStore } from './batch-store.js';
import type { JobStore } from './job-store.js';

interface CancelStoppedOptions {
  readonly id: string;
  readonly batches: Pick<BatchStore, 'get' | 'jobIds'>;
  readonly store: Pick<JobStore, 'cancel'>;
  /** Takes a job out of the queue, if it waits there. */
  readonly dequeue: (id: string) => Promise<unknown>;
  /** About how many to cancel before the rest is left for another time. Default: all. */
  readonly most?: number;
}

const atOnce = 50;

/**
 * Cancels what is to be canceled of a batch that was stopped: all that waits, and if the batch itself was canceled all that
 * runs too. Nothing of it begins any more, so that what is left afterwards is what went back to the queue meanwhile.
 * Returns how many it saw to.
 */
export async function cancelStopped(options: CancelStoppedOptions): Promise<number> {
  const { id, batches, store, dequeue, most = Number.POSITIVE_INFINITY } = options;
  let seen = 0;
  const record = await batches.get(id);
  if (!record?.stopped || record.finishedAt !== undefined) return seen;
  for (const state of record.stopped === 'canceled'
    ? (['queued', 'running'] as const)
    : (['queued'] as const)) {
    if (record.counts[state] === 0) continue;
    for await (const ids of batches.jobIds(id, state)) {
      for (let at = 0; at < ids.length; at += atOnce) {
        await Promise.all(
          ids.slice(at, at + atOnce).map(async (jobId) => {
            if ((await store.cancel(jobId)) === 'canceled') await dequeue(jobId);
          }),
        );
      }
      seen += ids.length;
      if (seen >= most) return seen;
    }
  }
  return seen;
}
