import { unsafePath } from './refusals.js';

const maxPathBytes = 4096;
const maxSegmentBytes = 255;

/**
 * Returns an archive's path in Slipway's form: relative, without `.` segments, doubled or trailing slashes; `''` for the root.
 * Throws `source_path_unsafe` for a path that is absolute, leaves its folder, holds a zero byte, or is too long for a file system.
 */
export function normalPath(raw: string): string {
  if (raw === '') throw unsafePath(raw, 'is not a name');
  if (raw.startsWith('/')) throw unsafePath(raw, 'is absolute');
  if (raw.includes('\0')) throw unsafePath(raw, 'holds a zero byte');
  if (byteLengthOver(raw, maxPathBytes)) throw unsafePath(raw, `is longer than ${maxPathBytes} bytes`);
  const segments: string[] = [];
  for (const segment of raw.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') throw unsafePath(raw, 'climbs out of its folder');
    if (byteLengthOver(segment, maxSegmentBytes)) {
      throw unsafePath(raw, `has a part longer than ${maxSegmentBytes} bytes`);
    }
    segments.push(segment);
  }
  return segments.join('/');
}

export function byteLengthOver(text: string, limit: number): boolean {
  // UTF-8 needs at most three bytes per UTF-16 unit.
  return text.length * 3 > limit && Buffer.byteLength(text) > limit;
}

/** Returns the folder of a path; `''` is the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

const beyondAscii = /\P{ASCII}/u;

/**
 * Returns a string that sorts like the bytes of `path`. JavaScript compares UTF-16 units, which puts characters beyond the basic
 * plane before some within it.
 */
export function sortKey(path: string): string {
  return beyondAscii.test(path) ? Buffer.from(path).toString('latin1') : path;
}
