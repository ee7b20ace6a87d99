import { hasEnded, type LiveEvent } from '@slipway/client';
import type { QueryClient, QueryKey } from '@tanstack/react-query';

/** The keys of all queries. A query is fetched again when the object of its key prefix changes. */
export const queryKeys = {
  builders: ['builders'],
  queue: ['queue'],
  stats: ['stats'],
  batches: ['batches'],
  batch: (id: string) => ['batch', id],
  /** Jobs of a batch with any filter. */
  batchJobs: (id: string) => ['batch-jobs', id],
  jobs: ['jobs'],
  job: (id: string) => ['job', id],
  functions: ['functions'],
  /** Fetched again only when a function on the list has changed, because the list is long. */
  functionList: ['function-list'],
  webhooks: ['webhooks'],
  deliveries: ['deliveries'],
} as const satisfies Record<string, QueryKey | ((id: string) => QueryKey)>;

/** Returns the keys of queries that these events make stale. A job that only moves in the queue leaves functions and deliveries as they are. */
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
      case 'base_image.changed':
        touch(queryKeys.functions);
        touch(queryKeys.deliveries);
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

/** Invalidates queries: visible ones are fetched now, the others when they are shown. */
export function refresh(queries: QueryClient, keys: readonly QueryKey[]): void {
  // A fetch in progress runs to its end: canceling it would let a busy stream starve the page.
  for (const queryKey of keys) void queries.invalidateQueries({ queryKey }, { cancelRefetch: false });
}
