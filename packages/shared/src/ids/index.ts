import { decodeTime, monotonicFactory } from 'ulid';

const next = monotonicFactory();
let now: () => number = Date.now;

/** Makes ids of this process by another clock than the machine's: ids sort by time, and retention goes by the time in them. */
export function makeIdsBy(clock: { now(): number }): void {
  now = () => clock.now();
}

/** A new id: the prefix, then a ULID in lower case, so that ids sort by the time they were made. */
export function newId(prefix: 'job' | 'batch' | 'wh' | 'tok' | 'pay'): string {
  return `${prefix}_${next(now()).toLowerCase()}`;
}

/** When the id was made, in milliseconds since the epoch. */
export function timeOfId(id: string): number {
  return decodeTime(id.slice(id.indexOf('_') + 1).toUpperCase());
}
