import { type PublishedEvent, parseEvents } from '@slipway/control-plane/events';
import { type BatchStore, type JobStore, toBatch } from '@slipway/control-plane/jobs';
import { onlyReadable } from '@slipway/control-plane/records';
import { addressOf } from '@slipway/control-plane/replicas';
import type {
  Batch,
  JobEvent,
  LiveBaseImage,
  LiveBuilder,
  LiveJob,
  LiveWebhook,
  StreamEvent,
} from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { jobEvent } from '../batches/job-event.js';
import type { JobWatcher } from '../watch/job-watcher.js';
import { isBefore } from '../watch/position.js';
import { LiveQueue } from './live-queue.js';

export interface FollowEventsDeps {
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  readonly store: Pick<JobStore, 'get'>;
  readonly batches: Pick<BatchStore, 'get'>;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly watcher: Pick<JobWatcher, 'listen' | 'settled'>;
}

interface FollowEventsOptions extends FollowEventsDeps {
  readonly tenant: string;
  /** True if the caller receives events of builders, which belong to the installation. */
  readonly seesBuilders: boolean;
  /** The position to resume after. */
  readonly after: string | undefined;
  readonly signal: AbortSignal;
  /** The parts of events. The viewers of a process share them, so that each record is read once. */
  readonly described: WeakMap<StreamEvent, Promise<LivePart | undefined>>;
  /** Milliseconds without an event after which the stream says that it is idle. Default: 15,000. */
  readonly idleAfterMs?: number;
}

export type LivePart =
  | { readonly kind: 'ready' | 'reset'; readonly position: string }
  | { readonly kind: 'job'; readonly position: string; readonly data: LiveJob }
  | { readonly kind: 'batch.finished'; readonly position: string; readonly data: Batch }
  | { readonly kind: 'builder'; readonly position: string; readonly data: LiveBuilder }
  | { readonly kind: 'webhook'; readonly position: string; readonly data: LiveWebhook }
  | { readonly kind: 'base_image.changed'; readonly position: string; readonly data: LiveBaseImage }
  | { readonly kind: 'passed'; readonly position: string }
  | { readonly kind: 'idle' };

/** A part, and whether it precedes parts that were sent before it. Its position is not for resuming then. */
type SentPart = LivePart & { readonly isLate?: boolean };

/** Entries per read, and so the limit of entries held for a slow reader. */
const pageSize = 500;
const usualIdleMs = 15_000;

/**
 * Yields the events of a tenant's jobs and batches, from now on or after a position, until the stream is aborted. It receives the channels of the tenant,
 * and reads the stream only to resume, and when messages may have been lost.
 */
async function* follow(options: FollowEventsOptions): AsyncGenerator<SentPart> {
  const { keys, watcher, tenant, seesBuilders, signal } = options;
  const queue = new LiveQueue(pageSize);
  const channels = [keys.tenantChannel(tenant), ...(seesBuilders ? [keys.builderChannel] : [])];
  const stops = channels.map((channel) => watcher.listen(channel, (published) => queue.put(published)));
  try {
    let position = options.after ?? (await newestPosition(options));
    yield { kind: 'ready', position };
    while (!signal.aborted) {
      if (queue.takeGap()) position = yield* missed(position, options);
      const taken = queue.take();
      const before = position;
      for (const part of await Promise.all(taken.map((each) => sightOf(each, before, options)))) {
        if (part) yield part;
      }
      for (const { event } of taken) if (isBefore(position, event.position)) position = event.position;
      if (await queue.filled(options.idleAfterMs ?? usualIdleMs, signal)) continue;
      const passed = signal.aborted ? position : await passedPosition(position, queue, options);
      // A client that resumes need not read the events of others again.
      yield passed === position ? { kind: 'idle' } : { kind: 'passed', position: passed };
      position = passed;
    }
  } finally {
    for (const stop of stops) stop();
  }
}

/** Yields what the stream has after a position. Returns the position that it read to. */
async function* missed(after: string, options: FollowEventsOptions): AsyncGenerator<SentPart, string> {
  const { redis, keys, signal } = options;
  let position = after;
  if (await isTrimmed(position, options)) yield { kind: 'reset', position };
  while (!signal.aborted) {
    const entries = await redis.xrange(keys.events, `(${position}`, '+', 'COUNT', pageSize);
    const parts = await Promise.all(parseEvents(entries).map((event) => describe(event, options)));
    for (const part of parts) if (part) yield part;
    position = entries.at(-1)?.[0] ?? position;
    if (entries.length < pageSize) break;
  }
  return position;
}

/** Returns what a caller sees of a published event, unless it was read from the stream before. */
async function sightOf(
  { event, isLate }: PublishedEvent,
  position: string,
  options: FollowEventsOptions,
): Promise<SentPart | undefined> {
  const isOld = !isBefore(position, event.position);
  if (isOld && !isLate) return undefined;
  const described = options.described.get(event) ?? describe(event, options);
  options.described.set(event, described);
  const part = await described;
  return part && (isOld ? { ...part, isLate: true } : part);
}

/** Returns the newest position before which no event of the caller is missing. */
async function passedPosition(
  position: string,
  queue: LiveQueue,
  options: FollowEventsOptions,
): Promise<string> {
  const newest = await newestPosition(options);
  // An event is published with its entry, so its message has arrived, too.
  const isComplete = (await options.watcher.settled()) && queue.isEmpty;
  return isComplete && isBefore(position, newest) ? newest : position;
}

async function newestPosition({ redis, keys }: FollowEventsOptions): Promise<string> {
  const [[newest] = []] = await redis.xrevrange(keys.events, '+', '-', 'COUNT', 1);
  return newest ?? '0-0';
}

/** Returns true if the stream lost the entries right after the position. */
async function isTrimmed(position: string, { redis, keys }: FollowEventsOptions): Promise<boolean> {
  if (position === '0-0') return false;
  const [[oldest] = []] = await redis.xrange(keys.events, '-', '+', 'COUNT', 1);
  return oldest !== undefined && isBefore(position, oldest);
}

/** Returns what the caller sees of an event; undefined for an event of another tenant. */
async function describe(
  event: StreamEvent,
  { tenant, seesBuilders, store, batches, now }: FollowEventsOptions,
): Promise<LivePart | undefined> {
  const { position, at } = event;
  switch (event.kind) {
    case 'job':
      return await describeJob(event, tenant, store);
    case 'batch': {
      if (isOfOther(event, tenant)) return undefined;
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
    case 'base_image': {
      if (event.tenant !== tenant) return undefined;
      const { type: kind, reference, digest, previous, functions, behind } = event;
      const data = {
        ...{ reference, digest, functions, behind, at: new Date(at).toISOString() },
        ...(previous !== undefined && { previous_digest: previous }),
      };
      return { kind, position, data };
    }
    default:
      return event satisfies never;
  }
}

/** Returns true for an event that names another tenant. Its record is not read. */
const isOfOther = (event: { readonly tenant?: string | undefined }, tenant: string) =>
  event.tenant !== undefined && event.tenant !== tenant;

async function describeJob(
  event: JobEvent,
  tenant: string,
  store: FollowEventsDeps['store'],
): Promise<LivePart | undefined> {
  if (isOfOther(event, tenant)) return undefined;
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
      const id = part.isLate ? '' : `id: ${part.position}\n`;
      yield `${id}event: ${part.kind}\ndata: ${data}\n\n`;
    }
  }
}
