import type { BatchRecord, JobRecord, JobStore } from '@slipway/control-plane/jobs';
import type { JobState } from '@slipway/shared/contracts';

const pageSize = 200;

/** Yields the jobs of a batch, newest first. `state`: only jobs in this state. */
export async function* jobsOfBatch(
  { id, tenant }: BatchRecord,
  store: Pick<JobStore, 'list'>,
  state?: JobState,
): AsyncGenerator<JobRecord> {
  let before: string | undefined;
  do {
    const page = await store.list({ tenant, batch: id, state, limit: pageSize, before });
    yield* page.records;
    before = page.next;
  } while (before !== undefined);
}
