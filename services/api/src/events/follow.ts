import { setTimeout as sleep } from 'node:timers/promises';
import { parseEvents } from '@slipway/control-plane/events';
import { type BatchStore, type JobStore, toBatch } from '@slipway/control-plane/jobs';
import { onlyReadable } from '@slipway/control-plane/records';
import { addressOf } from '@slipway/control-plane/replicas';
import type {
  Batch,
  JobEvent,
  LiveBuilder,
  LiveJob,
  LiveWebhook,
  StreamEvent,
} from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { jobEvent } from '../batches/job-event.js';
import type { JobWatcher } from '../watch/job-watcher.js';
import { isBefore } from '../watch/position.js';

export interface FollowEventsDeps {
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  readonly store: Pick<JobStore, 'get'>;
  readonly batches: Pick<BatchStore, 'get'>;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly watcher: Pick<JobWatcher, 'any'>;
}

interface FollowEventsOptions extends FollowEventsDeps {
  readonly tenant: string;
  /** True if the caller receives events of builders, which belong to the installation. */
  readonly seesBuilders: boolean;
  /** The position to resume after. */
  readonly after: string | undefined;
  readonly signal: AbortSignal;
}

type LivePart =
  | { readonly kind: 'ready' | 'reset'; readonly position: string }
  | { readonly kind: 'job'; readonly position: string; readonly data: LiveJob }
  | { readonly kind: 'batch.finished'; readonly position: string; readonly data: Batch }
  | { readonly kind: 'builder'; readonly position: string; readonly data: LiveBuilder }
  | { readonly kind: 'webhook'; readonly position: string; readonly data: LiveWebhook }
  | { readonly kind: 'passed'; readonly position: string }
  | { readonly kind: 'idle' };

/** Entries per read, and so the limit of entries held for a slow reader. */
const pageSize = 500;
/** The minimum time between two reads. Events in between arrive together. */
const paceMs = 100;
const idleAfterMs = 15_000;

/** Yields the events of a tenant's jobs and batches, from now on or after a position, until the stream is aborted. */
async function* follow(options: FollowEventsOptions): AsyncGenerator<LivePart> {
  const { redis, keys, watcher, after, signal } = options;
  const [[newest] = []] = await redis.xrevrange(keys.events, '+', '-', 'COUNT', 1);
  let position = after ?? newest ?? '0-0';
  yield { kind: 'ready', position };
  let spokenAt = performance.now();
  while (!signal.aborted) {
    const change = watcher.any(idleAfterMs, signal);
    const entries = await redis.xrange(keys.events, `(${position}`, '+', 'COUNT', pageSize);
    if (await isTrimmed(position, options)) yield { kind: 'reset', position };
    for (const part of await describe(parseEvents(entries), options)) {
      yield part;
      spokenAt = performance.now();
    }
    position = entries.at(-1)?.[0] ?? position;
    if (performance.now() - spokenAt >= idleAfterMs) {
      // A client that resumes need not read the events of others again.
      yield entries.length > 0 ? { kind: 'passed', position } : { kind: 'idle' };
      spokenAt = performance.now();
    }
    if (entries.length < pageSize) await change;
    await sleep(paceMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Returns true if the stream lost the entries right after the position. */
async function isTrimmed(position: string, { redis, keys }: FollowEventsOptions): Promise<boolean> {
  if (position === '0-0') return false;
  const [[oldest] = []] = await redis.xrange(keys.events, '-', '+', 'COUNT', 1);
  return oldest !== undefined && isBefore(position, oldest);
}

async function describe(
  events: readonly StreamEvent[],
  { tenant, seesBuilders, store, batches, now }: FollowEventsOptions,
): Promise<LivePart[]> {
  const parts = await Promise.all(
    events.map(async (event): Promise<LivePart | undefined> => {
      const { position, at } = event;
      switch (event.kind) {
        case 'job':
          return await describeJob(event, tenant, store);
        case 'batch': {
          const [record] = await onlyReadable([batches.get(event.batchId)]);
          if (record?.tenant !== tenant) return undefined;
          return { kind: 'batch.finished', position, data: toBatch(record, now()) };
        }
        case 'builder': {
          if (!seesBuilders) return undefined;
          const circuit = event.type === 'builder.circuit_opened' ? 'open' : 'closed';
          const data = { url: addressOf(event.replica), circuit, at: new Date(at).toISOString() } as const;
          return { kind: 'builder', position, data };
        }
        case 'webhook': {
          if (event.tenant !== tenant) return undefined;
          const data = { id: event.endpointId, reason: event.reason, at: new Date(at).toISOString() };
          return { kind: 'webhook', position, data };
        }
        default:
          return event satisfies never;
      }
    }),
  );
  return parts.filter((part) => part !== undefined);
}

async function describeJob(
  event: JobEvent,
  tenant: string,
  store: FollowEventsDeps['store'],
): Promise<LivePart | undefined> {
  const [record] = await onlyReadable([store.get(event.jobId)]);
  if (record?.tenant !== tenant) return undefined;
  const batch = event.batchId === undefined ? {} : { batch: event.batchId };
  return { kind: 'job', position: event.position, data: { ...jobEvent(event, record), ...batch } };
}

/** Formats server-sent events (HTML Standard). */
export async function* liveEvents(options: FollowEventsOptions): AsyncGenerator<string> {
  for await (const part of follow(options)) {
    if (part.kind === 'idle') yield 'event: idle\ndata: {}\n\n';
    else if (part.kind === 'passed') yield `id: ${part.position}\nevent: idle\ndata: {}\n\n`;
    else {
      const data = 'data' in part ? JSON.stringify(part.data) : '{}';
      yield `id: ${part.position}\nevent: ${part.kind}\ndata: ${data}\n\n`;
    }
  }
}
