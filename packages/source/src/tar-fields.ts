import { isUtf8 } from 'node:buffer';
import { corrupt, notUtf8, unsafePath } from './refusals.js';
import { blockBytes, field } from './tar-format.js';

/** Returns true if the block at `at` is all zeros. Two such blocks end an archive. */
export function isZeroBlock(data: Buffer, at: number): boolean {
  for (let i = at; i < at + blockBytes; i++) if (data[i] !== 0) return false;
  return true;
}

/** Returns true if a header's checksum is correct, summed over unsigned bytes or, as some old writers did, over signed ones. */
export function checksumFits(data: Buffer, at: number): boolean {
  // The checksum field itself counts as blanks.
  let sum = 8 * 0x20;
  let high = 0;
  for (let i = at; i < at + blockBytes; i++) {
    if (i === at + field.checksum) i = at + field.type;
    const byte = data[i] as number;
    sum += byte;
    high += byte >> 7;
  }
  const stored = parseNumber(data, at + field.checksum, 8);
  return stored === sum || stored === sum - 256 * high;
}

/** Returns the number in a field. Throws `source_corrupt` if it is missing or too large. */
export function readNumber(data: Buffer, at: number, length: number): number {
  const value = parseNumber(data, at, length);
  if (Number.isNaN(value)) throw corrupt('A header lacks a number.');
  if (!Number.isSafeInteger(value)) throw corrupt('A header holds a number that is too large.');
  return value;
}

/**
 * Returns the number in a field: octal digits between blanks, or base 256 if the first bit is set, GNU's form of large numbers.
 * NaN for an invalid number.
 */
function parseNumber(data: Buffer, at: number, length: number): number {
  const first = data[at] as number;
  const end = at + length;
  let value = 0;
  let i = at;
  if (first >= 0x80) {
    value = first & 0x7f;
    while (++i < end) value = value * 256 + (data[i] as number);
  } else {
    while (i < end && data[i] === 0x20) i++;
    for (; i < end; i++) {
      const digit = (data[i] as number) - 0x30;
      if (digit < 0 || digit > 7) break;
      value = value * 8 + digit;
    }
    for (; i < end; i++) {
      if (data[i] !== 0 && data[i] !== 0x20) return Number.NaN;
    }
  }
  return value;
}

/** Returns a text field, up to its first zero byte. */
export function readText(data: Buffer, at: number, length: number): Buffer {
  const end = data.indexOf(0, at);
  return data.subarray(at, end === -1 || end > at + length ? at + length : end);
}

/** Returns true for a GNU header before pax. GNU uses the fields after the magic differently. */
export function isGnu(data: Buffer, at: number): boolean {
  return data.toString('latin1', at + field.magic, at + field.magic + 6) === 'ustar ';
}

/** Returns the path of a header, including its ustar prefix. */
export function readName(data: Buffer, at: number): Buffer {
  const name = readText(data, at + field.name, 100);
  // GNU's magic is `ustar` and two blanks, and no prefix follows.
  const posix = data.toString('latin1', at + field.magic, at + field.magic + 6) === 'ustar\0';
  if (!posix || data[at + field.prefix] === 0) return name;
  const prefix = readText(data, at + field.prefix, field.prefixEnd - field.prefix);
  return Buffer.concat([prefix, Buffer.from('/'), name]);
}

/** Returns the name in a GNU long-name block, which ends with a zero byte. A copy, because the parsed buffer will be reused. */
export function readLongName(body: Buffer): Buffer {
  const value = readText(body, 0, body.length);
  for (let i = value.length; i < body.length; i++) {
    if (body[i] !== 0) throw unsafePath(value.toString(), 'has data after its end');
  }
  return Buffer.from(value);
}

export function decodeName(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw notUtf8(bytes);
  return bytes.toString();
}
