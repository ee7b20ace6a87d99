import { decodeTime, monotonicFactory } from 'ulid';

const next = monotonicFactory();

/** A new id: the prefix, then a ULID in lower case, so that ids sort by the time they were made. */
export function newId(prefix: 'job' | 'batch' | 'wh' | 'tok' | 'pay'): string {
  return `${prefix}_${next().toLowerCase()}`;
}

/** When the id was made, in milliseconds since the epoch. */
export function timeOfId(id: string): number {
  return decodeTime(id.slice(id.indexOf('_') + 1).toUpperCase());
}
