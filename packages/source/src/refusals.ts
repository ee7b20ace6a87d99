import { SlipwayError } from '@slipway/shared/errors';

const longest = 80;

/** Returns a name from an archive for an error: in quotes, shortened, with control and invisible characters escaped. */
export function shown(name: string): string {
  const short = name.length <= longest ? name : `${name.slice(0, longest - 21)}…${name.slice(-20)}`;
  const escaped = short.replace(
    /[\p{C}\p{Zl}\p{Zp}"\\]/gu,
    (char) => ({ '"': '\\"', '\\': '\\\\' })[char] ?? `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
  return `"${escaped}"`;
}

export function corrupt(detail: string): SlipwayError {
  return new SlipwayError('source_corrupt', detail);
}

export function unsafePath(name: string, reason: string): SlipwayError {
  return new SlipwayError('source_path_unsafe', `${shown(name)} ${reason}.`);
}

export function unsafeLink(path: string, reason: string): SlipwayError {
  return new SlipwayError('source_link_unsafe', `The link ${shown(path)} ${reason}.`);
}

export function unsafeHardLink(path: string, target: string, reason: string): SlipwayError {
  return new SlipwayError(
    'source_link_unsafe',
    `${shown(path)} is a hard link to ${shown(target)}, which ${reason}.`,
  );
}

/** Returns the error for a name that is not text. */
export function notUtf8(name: Buffer): SlipwayError {
  return new SlipwayError('source_path_unsafe', `"${shownBytes(name)}" is not in UTF-8.`);
}

/** Returns bytes for an error: shortened, and those beyond ASCII as `\xNN`, as shells write them. */
export function shownBytes(name: Buffer): string {
  const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`;
  const shownOf = (bytes: Buffer) =>
    Array.from(bytes, (byte) =>
      byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c ? hex(byte) : String.fromCharCode(byte),
    ).join('');
  if (name.length <= longest) return shownOf(name);
  return `${shownOf(name.subarray(0, longest - 21))}…${shownOf(name.subarray(-20))}`;
}
