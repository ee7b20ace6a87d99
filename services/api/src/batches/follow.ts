import { parseEvents } from '@slipway/control-plane/events';
import { type BatchStore, type JobRecord, type JobStore, toBatch } from '@slipway/control-plane/jobs';
import { onlyReadable } from '@slipway/control-plane/records';
import type { Batch, BatchJobEvent, JobEvent } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { JobWatcher, Watch } from '../watch/job-watcher.js';
import { jobEvent } from './job-event.js';

export interface FollowBatchDeps {
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  readonly store: Pick<JobStore, 'get'>;
  readonly batches: BatchStore;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly watcher: JobWatcher;
  /** Aborted when the process drains: open streams end, and clients resume at their position. */
  readonly stopping: AbortSignal;
}

type BatchPart =
  | { readonly kind: 'job'; readonly position: string; readonly job: BatchJobEvent }
  | { readonly kind: 'batch'; readonly batch: Batch }
  /** No event for a while. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'finished'; readonly position: string; readonly batch: Batch };

interface FollowOptions extends FollowBatchDeps {
  readonly id: string;
  /** The position to resume after. */
  readonly after: string | undefined;
  readonly signal: AbortSignal;
}

const pageSize = 200;
const countsEveryMs = 1_000;
const idleAfterMs = 15_000;

/** Yields the events of a batch until it has ended, from its beginning or after a position. */
async function* follow(options: FollowOptions): AsyncGenerator<BatchPart> {
  const watch = options.watcher.watch(options.id);
  try {
    yield* followWith(watch, options);
  } finally {
    watch.close();
  }
}

async function* followWith(watch: Watch, options: FollowOptions): AsyncGenerator<BatchPart> {
  const { batches, redis, keys, id, now, signal } = options;
  let position = options.after ?? '0-0';
  let sent = '';
  let sentAt = Number.NEGATIVE_INFINITY;
  let spokenAt = performance.now();
  while (!signal.aborted) {
    // Read before the events: if the batch has ended, all its events are there.
    const record = await batches.get(id);
    if (!record) return;
    if (performance.now() - sentAt >= countsEveryMs && sent !== JSON.stringify(record)) {
      yield { kind: 'batch', batch: toBatch(record, now()) };
      sent = JSON.stringify(record);
      sentAt = spokenAt = performance.now();
    }
    const entries = await redis.xrange(keys.batchEvents(id), `(${position}`, '+', 'COUNT', pageSize);
    const events = parseEvents(entries).flatMap((event) => (event.kind === 'job' ? event : []));
    for (const part of await describe(events, options)) yield part;
    position = entries.at(-1)?.[0] ?? position;
    const more = entries.length === pageSize;
    if (record.finishedAt !== undefined && !more) {
      yield { kind: 'finished', position, batch: toBatch(record, now()) };
      return;
    }
    if (entries.length > 0) spokenAt = performance.now();
    else if (performance.now() - spokenAt > idleAfterMs) {
      yield { kind: 'idle' };
      spokenAt = performance.now();
    }
    if (!more) await watch.change(countsEveryMs, signal);
  }
}

async function describe(events: readonly JobEvent[], { store }: FollowOptions): Promise<BatchPart[]> {
  const ids = [...new Set(events.map(({ jobId }) => jobId))];
  const records = new Map<string, JobRecord>();
  for (const record of await onlyReadable(ids.map((id) => store.get(id)))) records.set(record.id, record);
  return events.flatMap((event): BatchPart[] => {
    const record = records.get(event.jobId);
    // A job that was removed since, or cannot be parsed, is left out.
    return record ? [{ kind: 'job', position: event.position, job: jobEvent(event, record) }] : [];
  });
}

/** Formats server-sent events (HTML Standard). Only events with a position have an id: clients resume there. */
export async function* batchEvents(options: FollowOptions): AsyncGenerator<string> {
  for await (const part of follow(options)) {
    switch (part.kind) {
      case 'job':
        yield `id: ${part.position}\nevent: job\ndata: ${JSON.stringify(part.job)}\n\n`;
        break;
      case 'batch':
        yield `event: batch\ndata: ${JSON.stringify(part.batch)}\n\n`;
        break;
      case 'idle':
        yield ': idle\n\n';
        break;
      case 'finished':
        yield `id: ${part.position}\nevent: batch.finished\ndata: ${JSON.stringify(part.batch)}\n\n`;
        break;
      default:
        part satisfies never;
    }
  }
}
