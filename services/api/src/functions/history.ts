import type { FunctionView } from '@slipway/shared/contracts';
import type { JobRecord, JobStore } from '@slipway/shared/jobs';

const length = 20;

interface HistoryOptions {
  readonly store: JobStore;
  readonly tenant: string;
  /** namespace/name */
  readonly name: string;
}

/** How a function's last jobs ended, newest first. */
export async function functionHistory(options: HistoryOptions): Promise<FunctionView['history']> {
  const { store, tenant, name } = options;
  const { records } = await store.list({ tenant, function: name, limit: length });
  return records.map(toEntry);
}

type Entry = NonNullable<FunctionView['history']>[number];

function toEntry({ id, state, createdAt, result, error }: JobRecord): Entry {
  return {
    job: id,
    state,
    created_at: new Date(createdAt).toISOString(),
    ...(result && { duration_ms: result.duration_ms }),
    ...(result?.digest !== undefined && { digest: result.digest }),
    ...(error && { code: error.code }),
  };
}
