import type { DeliveryState } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type RecordFaults, readRecords } from '../records/index.js';
import { type DeliveryRecord, parseDelivery } from './delivery-record.js';

export interface DeliveryFilter {
  readonly tenant: string;
  /** The id of an endpoint. */
  readonly endpoint?: string | undefined;
  readonly job?: string | undefined;
  readonly batch?: string | undefined;
  readonly state?: DeliveryState | undefined;
  readonly limit: number;
  /** `next` of the previous page. */
  readonly before?: string | undefined;
}

export interface DeliveryPage {
  readonly records: readonly DeliveryRecord[];
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

/** Ids read at once. */
const run = 200;
/** Ids that one page may check before it ends early with a cursor. */
const maxLookedAt = 5_000;

interface ListOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly faults: RecordFaults;
  readonly filter: DeliveryFilter;
}

/** Returns a page of deliveries, newest first. Walks the shortest index of the filter, and skips ids that another index does not hold. */
export async function listDeliveries(options: ListOptions): Promise<DeliveryPage> {
  const { redis, keys, filter } = options;
  const [first, ...others] = await byLength(
    redis,
    indexNames(filter).map((name) => keys.deliveries(name)),
  );
  const records: DeliveryRecord[] = [];
  let from = parseCursor(filter.before);
  for (let lookedAt = 0; lookedAt < maxLookedAt; lookedAt += run) {
    const places = await readRun(redis, first as string, from);
    for (const record of await recordsOf(await heldByAll(redis, places, others), options)) {
      if (filter.state !== undefined && record.state !== filter.state) continue;
      const last = records.at(-1);
      if (last && records.length === filter.limit) return { records, next: formatCursor(last) };
      records.push(record);
    }
    const end = places.at(-1);
    if (!end || places.length < run) return { records, next: undefined };
    from = end;
  }
  return { records, next: from && formatCursor(from) };
}

/** The position of a delivery in an index, ordered by time and id. */
interface Place {
  readonly createdAt: number;
  readonly id: string;
}

const formatCursor = ({ createdAt, id }: Place) => `${createdAt}.${id}`;

function parseCursor(cursor: string | undefined): Place | undefined {
  const [, ms, id] = /^(\d{1,15})\.(.+)$/.exec(cursor ?? '') ?? [];
  return ms === undefined || id === undefined ? undefined : { createdAt: Number(ms), id };
}

/** Returns the next deliveries after a place. Redis searches only by score, so ids of the same millisecond are skipped here. */
async function readRun(redis: Redis, index: string, from: Place | undefined): Promise<Place[]> {
  const places: Place[] = [];
  for (let offset = 0; places.length < run; offset += run) {
    const start = from?.createdAt ?? '+inf';
    const flat = await redis.zrevrangebyscore(index, start, '-inf', 'WITHSCORES', 'LIMIT', offset, run);
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const place = { id: flat[at] as string, createdAt: Number(flat[at + 1]) };
      if (!from || place.createdAt < from.createdAt || place.id < from.id) places.push(place);
    }
    if (flat.length < 2 * run) break;
  }
  return places.slice(0, run);
}

function indexNames({ tenant, endpoint, job, batch, state }: DeliveryFilter): string[] {
  return [
    `tenant:${tenant}`,
    ...(endpoint === undefined ? [] : [`endpoint:${endpoint}`]),
    ...(job === undefined ? [] : [`job:${job}`]),
    ...(batch === undefined ? [] : [`batch:${batch}`]),
    // Delivered ones have no index of their own, because nearly all deliveries are delivered.
    ...(state === undefined || state === 'delivered' ? [] : [`state:${state}`]),
  ];
}

async function byLength(redis: Redis, indexes: string[]): Promise<string[]> {
  if (indexes.length === 1) return indexes;
  const sizes = await Promise.all(indexes.map((index) => redis.zcard(index)));
  return indexes
    .map((index, at) => ({ index, size: sizes[at] as number }))
    .sort((a, b) => a.size - b.size)
    .map(({ index }) => index);
}

async function heldByAll(redis: Redis, places: readonly Place[], indexes: string[]): Promise<string[]> {
  let held = places.map(({ id }) => id);
  for (const index of indexes) {
    if (held.length === 0) return held;
    const scores = await redis.zmscore(index, ...held);
    held = held.filter((_id, at) => scores[at] !== null);
  }
  return held;
}

async function recordsOf(
  ids: readonly string[],
  { redis, keys, faults }: ListOptions,
): Promise<DeliveryRecord[]> {
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.hgetall(keys.delivery(id));
  return readRecords({ kind: 'delivery', ids, replies: await pipeline.exec(), parse: parseDelivery, faults });
}
