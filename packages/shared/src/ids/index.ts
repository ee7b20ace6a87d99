import { decodeTime, monotonicFactory } from 'ulid';

const next = monotonicFactory();
let now: () => number = Date.now;

/** Makes ids of this process use another clock. Ids sort by time, and retention uses the time in them. */
export function makeIdsBy(clock: { now(): number }): void {
  now = () => clock.now();
}

/** Returns a new id: the prefix and a ULID in lower case, so that ids sort by creation time. */
export function newId(prefix: 'job' | 'batch' | 'wh' | 'tok' | 'pay'): string {
  return `${prefix}_${next(now()).toLowerCase()}`;
}

/** Returns the creation time of an id, in milliseconds since the epoch. */
export function timeOfId(id: string): number {
  return decodeTime(id.slice(id.indexOf('_') + 1).toUpperCase());
}
