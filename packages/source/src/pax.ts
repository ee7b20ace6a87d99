import { corrupt } from './refusals.js';
import { PaxSparse } from './sparse.js';

/** The relevant records of a pax header. The normal form drops times, owners and attributes. */
export interface PaxRecords {
  readonly path?: Buffer;
  readonly target?: Buffer;
  readonly size?: number;
  /** Set if the file has holes. */
  readonly sparse?: PaxSparse;
}

const sparsePrefix = 'GNU.sparse.';

/**
 * Parses the records of a pax header (POSIX.1-2017: `<length> <key>=<value>\n`, where the length is that of the whole record). A
 * record without a value removes an earlier one of its key.
 */
export function parsePax(body: Buffer): PaxRecords {
  let path: Buffer | undefined;
  let target: Buffer | undefined;
  let size: Buffer | undefined;
  let sparse: PaxSparse | undefined;
  for (let at = 0; at < body.length; ) {
    const { key, value, end } = recordAt(body, at);
    if (key === 'path') path = value;
    else if (key === 'linkpath') target = value;
    else if (key === 'size') size = value;
    else if (key.startsWith(sparsePrefix)) {
      sparse ??= new PaxSparse();
      sparse.take(key.slice(sparsePrefix.length), value);
    }
    at = end;
  }
  return {
    ...(path && { path }),
    ...(target && { target }),
    ...(size && { size: decimal(size) }),
    ...(sparse && { sparse }),
  };
}

function recordAt(body: Buffer, at: number): { key: string; value: Buffer | undefined; end: number } {
  const blank = body.indexOf(0x20, at);
  const equals = body.indexOf(0x3d, blank + 1);
  if (blank === -1 || equals === -1) throw corrupt('An extended header cannot be read.');
  const end = at + decimal(body.subarray(at, blank));
  if (end > body.length || equals >= end || body[end - 1] !== 0x0a)
    throw corrupt('An extended header cannot be read.');
  return {
    key: body.toString('latin1', blank + 1, equals),
    // A copy, because the parsed buffer will be reused.
    value: equals + 1 === end - 1 ? undefined : Buffer.from(body.subarray(equals + 1, end - 1)),
    end,
  };
}

function decimal(digits: Buffer): number {
  const text = digits.toString('latin1');
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value))
    throw corrupt('An extended header lacks a number.');
  return value;
}
