import { setTimeout as sleep } from 'node:timers/promises';
import { infrastructureFault, SlipwayError } from '@slipway/shared/errors';

/** Milliseconds that an attempt waits for the blob store to take its log. */
export const storeWithinMs = 10_000;

/** Waits for a write of a log. Rejects with a coded error if it fails, or with `storage_unavailable` if it takes longer. */
export async function storedWithin<T>(work: Promise<T>, ms: number): Promise<T> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new SlipwayError('storage_unavailable', `The blob store did not take the log within ${ms} ms.`);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw infrastructureFault(error) ?? error;
  } finally {
    late.catch(() => undefined);
    work.catch(() => undefined);
    timer.abort();
  }
}
