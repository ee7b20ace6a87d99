import { hasEnded, type LiveEvent } from '@slipway/client';
import type { QueryClient, QueryKey } from '@tanstack/react-query';

/** The keys of all queries. What begins with one of them is read anew when its thing changes. */
export const queryKeys = {
  builders: ['builders'],
  queue: ['queue'],
  stats: ['stats'],
  batches: ['batches'],
  batch: (id: string) => ['batch', id],
  /** Its jobs, however they are filtered. */
  batchJobs: (id: string) => ['batch-jobs', id],
  jobs: ['jobs'],
  job: (id: string) => ['job', id],
  functions: ['functions'],
  /** Read anew when one that it shows has changed, not whenever any has: it is long. */
  functionList: ['function-list'],
  webhooks: ['webhooks'],
  deliveries: ['deliveries'],
} as const satisfies Record<string, QueryKey | ((id: string) => QueryKey)>;

/** Which queries these events make old. A job that only moves leaves functions and deliveries as they are. */
export function queriesTouched(events: readonly LiveEvent[]): QueryKey[] {
  const touched = new Map<string, QueryKey>();
  const touch = (key: QueryKey) => touched.set(key.join('/'), key);
  for (const event of events) {
    switch (event.type) {
      case 'job':
        touch(queryKeys.job(event.job.id));
        touch(queryKeys.jobs);
        touch(queryKeys.queue);
        touch(queryKeys.builders);
        if (event.job.batch !== undefined) {
          touch(queryKeys.batch(event.job.batch));
          touch(queryKeys.batches);
        }
        if (hasEnded(event.job.state)) {
          touch(queryKeys.functions);
          touch(queryKeys.deliveries);
        }
        break;
      case 'batch.finished':
        touch(queryKeys.batch(event.batch.id));
        touch(queryKeys.batchJobs(event.batch.id));
        touch(queryKeys.batches);
        touch(queryKeys.deliveries);
        break;
      case 'builder':
        touch(queryKeys.builders);
        break;
      case 'webhook':
        touch(queryKeys.webhooks);
        break;
      case 'reset':
        touch([]);
        break;
      case 'ready':
      case 'idle':
        break;
      default:
        event satisfies never;
    }
  }
  return [...touched.values()];
}

/** Has them read anew: those that a page shows at once, the others when they are shown. */
export function refresh(queries: QueryClient, keys: readonly QueryKey[]): void {
  // One that is being read already is left to end: cutting it short would let a busy stream starve the page.
  for (const queryKey of keys) void queries.invalidateQueries({ queryKey }, { cancelRefetch: false });
}
