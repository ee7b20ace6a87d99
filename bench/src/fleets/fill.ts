import { Dispatch } from '@slipway/control-plane/jobs';
import { createBuildQueues } from '@slipway/control-plane/queues';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { createLogger } from '@slipway/shared/logger';
import type { Records } from './records.js';

const batch = 500;
const tenant = { name: 'default', weight: 1 };
const replica = 'http://10.0.0.1:8081';

interface FillOptions {
  readonly records: Records;
  readonly count: number;
  /** The digest of a stored source. */
  readonly source: string;
  /** True to add the jobs to the queue too. */
  readonly queued: boolean;
}

const spec = (source: string, at: number) =>
  jobSpecSchema.parse({
    image: `registry.test/stored/function-${at % 5_000}:1`,
    function: `function-${at % 5_000}`,
    source: { digest: source },
    labels: { commit: 'c0ffee' },
    // Forced, so that no job shares the build of another job for the same image.
    force: true,
  });

/** Writes job records to Redis directly, to avoid 100,000 requests. Returns their ids. */
export async function fill({ records, count, source, queued }: FillOptions): Promise<string[]> {
  const { store, redis, keys } = records;
  const builds = createBuildQueues({ redis, keys });
  const dispatch = new Dispatch({
    redis,
    keys,
    builds,
    logger: createLogger({ name: 'bench', level: 'warn' }),
  });
  const all: string[] = [];
  while (all.length < count) {
    const ids = Array.from({ length: Math.min(batch, count - all.length) }, () => newId('job'));
    await Promise.all(ids.map((id, at) => store.create(id, spec(source, all.length + at), { tenant })));
    if (queued) await dispatch.restore(ids);
    all.push(...ids);
  }
  return all;
}

/** Records the start and success of jobs that are not in the queue, as a worker does. */
export async function finishAll({ store }: Records, ids: readonly string[]): Promise<void> {
  for (let at = 0; at < ids.length; at += batch) {
    await Promise.all(
      ids.slice(at, at + batch).map(async (id) => {
        await store.start(id, { token: id, worker: 'bench-1-1', replica, takesSuspects: true });
        const result = { image: 'registry.test/stored/function:1', duration_ms: 30_000 };
        await store.finish(id, id, { state: 'succeeded', result });
      }),
    );
  }
}
