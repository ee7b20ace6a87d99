import { isUtf8 } from 'node:buffer';
import { readlink } from 'node:fs/promises';
import { byteLengthOver, normalPath } from './paths.js';
import { shownBytes, unsafeHardLink, unsafeLink } from './refusals.js';

/** The limit of Linux: 4,096 bytes with the zero byte at the end. */
const maxTargetBytes = 4095;

/**
 * Throws `source_link_unsafe` for a text that no symbolic link can hold. The target does not matter: Slipway stores, sends and
 * unpacks a link as text, and never follows it.
 */
export function checkLinkTarget(path: string, target: string): void {
  if (target === '') throw unsafeLink(path, 'has no target');
  if (target.includes('\0')) throw unsafeLink(path, 'has a target with a zero byte');
  if (byteLengthOver(target, maxTargetBytes)) {
    throw unsafeLink(
      path,
      `has a target of ${Buffer.byteLength(target)} bytes, and ${maxTargetBytes} are allowed`,
    );
  }
}

/** Returns the text of a symbolic link on disk; errors name it `path`. Throws `source_link_unsafe` if it is not UTF-8. */
export async function readLinkTarget(place: string, path: string): Promise<string> {
  const target = await readlink(place, { encoding: 'buffer' });
  if (!isUtf8(target)) throw unsafeLink(path, `has a target that is not in UTF-8: "${shownBytes(target)}"`);
  return target.toString();
}

/** Returns the path that a hard link names, from the root of the archive. Throws `source_link_unsafe` if it leaves the archive. */
export function hardLinkTarget(path: string, target: string): string {
  try {
    return normalPath(target);
  } catch {
    throw unsafeHardLink(path, target, 'leads out of the archive');
  }
}
