import { imageRepository, type JobState, parseImageReference } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type Fields, type RecordFaults, readRecords } from '../records/index.js';
import { readStored } from '../stored/index.js';
import { type JobRecord, parseRecord } from './record.js';

export interface JobFilter {
  readonly tenant: string;
  readonly state?: JobState | undefined;
  readonly function?: string | undefined;
  /** A repository, or a reference, of which only the repository counts. */
  readonly image?: string | undefined;
  readonly batch?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly limit: number;
  /** The id after which the page begins, going back in time. */
  readonly before?: string | undefined;
}

export interface JobPage {
  readonly records: readonly JobRecord[];
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

/** Ids read at once. A rare combination costs many small reads instead of a large one. */
const run = 200;

/** Records that one page may check before it ends early with a cursor. */
const maxLookedAt = 5_000;

interface ListOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly faults: RecordFaults;
  readonly filter: JobFilter;
}

/**
 * Returns a page of jobs, newest first. Walks the shortest index of the filter, and skips ids that another index of the filter does
 * not hold.
 */
export async function listJobs(options: ListOptions): Promise<JobPage> {
  const { redis, keys, filter } = options;
  const [first, ...others] = await byLength(
    redis,
    filterIndexes(filter).map((name) => keys.index(name)),
  );
  const records: JobRecord[] = [];
  let before = filter.before;
  for (let lookedAt = 0; lookedAt < maxLookedAt; lookedAt += run) {
    const start = before === undefined ? '+' : `(${before}`;
    const ids = await redis.zrevrangebylex(first as string, start, '-', 'LIMIT', 0, run);
    const held = await heldByAll(redis, ids, others);
    const { found, upTo } = await recordsOf(held, options);
    for (const record of found) {
      if (records.length === filter.limit) return { records, next: records.at(-1)?.id };
      records.push(record);
    }
    // A page of large records is short.
    if (upTo !== undefined) return { records, next: upTo };
    before = ids.at(-1);
    if (ids.length < run) return { records, next: undefined };
  }
  return { records, next: before };
}

function filterIndexes(filter: JobFilter): string[] {
  const reference = filter.image === undefined ? undefined : parseImageReference(filter.image);
  return [
    `tenant:${filter.tenant}`,
    ...(filter.state ? [`state:${filter.state}`] : []),
    ...(filter.batch ? [`batch:${filter.batch}`] : []),
    ...(filter.function ? [`function:${filter.function}`] : []),
    ...(filter.image === undefined ? [] : [`image:${reference ? imageRepository(reference) : filter.image}`]),
    ...Object.entries(filter.labels ?? {}).map(([name, value]) => `label:${name}=${value}`),
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

async function heldByAll(redis: Redis, ids: string[], indexes: string[]): Promise<string[]> {
  let held = ids;
  for (const index of indexes) {
    if (held.length === 0) return held;
    const scores = await redis.zmscore(index, ...held);
    held = held.filter((_id, at) => scores[at] !== null);
  }
  return held;
}

/** Limit of the bytes of values that the records of one page list. */
const maxPageBytes = 16 * 1024 * 1024;

/** Returns the records, and the last id that was read when not all of them fit. Takes one round trip, and more when records list shared values. */
async function recordsOf(
  ids: string[],
  { redis, keys, faults }: ListOptions,
): Promise<{ found: JobRecord[]; upTo: string | undefined }> {
  const names = ids.map((id) => keys.job(id));
  const { replies, values } = await readStored({ redis, keys, names, maxBytes: maxPageBytes });
  const parse = (id: string, fields: Fields) => parseRecord(id, fields, values);
  const found = readRecords({ kind: 'job', ids, replies, parse, faults });
  return { found, upTo: replies.length < ids.length ? ids[replies.length - 1] : undefined };
}
