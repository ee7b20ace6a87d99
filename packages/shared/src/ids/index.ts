import { decodeTime, encodeTime, monotonicFactory } from 'ulid';

const pool = new Uint8Array(1_024);
let used = pool.length;
/** Returns a number of [0, 1). An id takes sixteen: one call of the system serves many. */
function random(): number {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  return (pool[used++] as number) / 256;
}

const next = monotonicFactory(random);
const ulidLength = 26;
let now: () => number = Date.now;
let end = '';

/**
 * Makes ids of this process use another clock. Ids sort by time, and retention uses the time in them. `cell`: the name of a cell, 1 to
 * 16 lower-case letters and digits, that ends each id (ADR 17).
 */
export function makeIdsBy(clock: { now(): number }, cell?: string): void {
  now = () => clock.now();
  end = cell === undefined ? '' : `_${cell}`;
}

/** Returns a new id: the prefix and a ULID in lower case, so that ids sort by creation time. */
export function newId(prefix: 'job' | 'batch' | 'campaign' | 'wh' | 'tok' | 'pay'): string {
  return `${prefix}_${next(now()).toLowerCase()}${end}`;
}

/** Returns the creation time of an id, in milliseconds since the epoch. */
export function timeOfId(id: string): number {
  const at = id.indexOf('_') + 1;
  return decodeTime(id.slice(at, at + ulidLength).toUpperCase());
}

const timeLength = 10;

/** Returns the beginning of the ids of a time, in milliseconds since the epoch: ids of that time or later sort after it. */
export function firstIdOf(prefix: 'job', ms: number): string {
  return `${prefix}_${encodeTime(ms, timeLength).toLowerCase()}`;
}
