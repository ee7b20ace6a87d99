import type { SourceEntry } from './source-store.js';
import { blockBytes, field, maxOctalSize, padded } from './tar-format.js';

const nameBytes = 100;

/**
 * A fixed time, so that equal files make equal layers in an image. Not the epoch, because zip, and so Python's wheels, cannot
 * represent a time before 1980 in any time zone. `npm pack` uses the same time.
 */
const modified = Date.UTC(1985, 9, 26, 8, 15) / 1000;

const template = makeTemplate();
const templateSum = sumOf(template);

/** The fields of a header. */
export interface HeaderFields {
  readonly path: string;
  readonly type: SourceEntry['type'];
  readonly executable: boolean;
  /** Bytes of content; 0 unless the entry is a file. */
  readonly size: number;
  /** The target of a link. */
  readonly target: string;
}

export function headerFields(entry: SourceEntry): HeaderFields {
  return {
    path: entry.path,
    type: entry.type,
    executable: entry.type === 'file' && entry.mode === '0755',
    size: entry.type === 'file' ? entry.size : 0,
    target: entry.type === 'link' ? entry.target : '',
  };
}

/** Returns the bytes of an entry's headers: one block, or more with a pax header. */
export function headerLength(fields: HeaderFields): number {
  const records = paxLength(fields);
  return records === 0 ? blockBytes : 2 * blockBytes + padded(records);
}

/** Returns true if an entry's header is one block with an empty ustar prefix field. */
export function isPlain(fields: HeaderFields): boolean {
  return paxLength(fields) === 0;
}

/**
 * Writes an entry's headers at `offset`, in the normal form: ustar with the path in the name field only and an empty prefix field.
 * Values that do not fit go to a pax header before it. Returns the offset after them.
 */
export function encodeHeader(fields: HeaderFields, out: Buffer, offset: number): number {
  const name = fields.type === 'folder' ? `${fields.path}/` : fields.path;
  const records = paxRecords(fields, name);
  let at = offset;
  if (records.length > 0) {
    at = encodeBlock(
      { name: 'PaxHeader', typeFlag: 'x', mode: 0o644, size: records.length, target: '' },
      out,
      at,
    );
    const end = at + padded(records.length);
    out.fill(0, records.copy(out, at) + at, end);
    at = end;
  }
  return encodeBlock(
    {
      name,
      typeFlag: typeFlags[fields.type],
      mode: fields.type === 'link' ? 0o777 : fields.type === 'folder' || fields.executable ? 0o755 : 0o644,
      size: fields.size > maxOctalSize ? 0 : fields.size,
      target: fields.target,
    },
    out,
    at,
  );
}

/** Returns a complete entry of the normal form for a file in memory. */
export function encodeFile(path: string, content: Uint8Array): Buffer {
  const fields: HeaderFields = { path, type: 'file', executable: false, size: content.length, target: '' };
  const out = Buffer.alloc(headerLength(fields) + padded(content.length));
  out.set(content, encodeHeader(fields, out, 0));
  return out;
}

const typeFlags = { file: '0', folder: '5', link: '2' } as const;

interface Block {
  readonly name: string;
  readonly typeFlag: string;
  readonly mode: number;
  readonly size: number;
  readonly target: string;
}

function encodeBlock(block: Block, out: Buffer, offset: number): number {
  template.copy(out, offset);
  const name = writeText(out, offset + field.name, block.name);
  const target = block.target === '' ? 0 : writeText(out, offset + field.linkName, block.target);
  const type = block.typeFlag.charCodeAt(0);
  out[offset + field.type] = type;
  const sum =
    templateSum +
    name +
    target +
    type +
    writeOctal(out, offset + field.mode, 7, block.mode) +
    writeOctal(out, offset + field.size, 11, block.size);
  writeOctal(out, offset + field.checksum, 6, sum);
  out[offset + field.checksum + 6] = 0;
  return offset + blockBytes;
}

/** Writes as many whole characters of a text as fit a name field. Returns the sum of the bytes. */
function writeText(out: Buffer, offset: number, text: string): number {
  const written = out.write(text, offset, nameBytes, 'utf8');
  let sum = 0;
  for (let i = offset; i < offset + written; i++) sum += out[i] as number;
  return sum;
}

/** Writes octal digits. Returns the sum that they add to a checksum over zeros. */
function writeOctal(out: Buffer, offset: number, digits: number, value: number): number {
  let sum = 0;
  for (let i = offset + digits - 1, rest = value; i >= offset; i--) {
    const digit = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
    out[i] = digit;
    sum += digit;
  }
  return sum;
}

/** Returns a header with all constant fields. The checksum field holds blanks, as the checksum requires. */
function makeTemplate(): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write('0000000', 108);
  block.write('0000000', 116);
  block.write(modified.toString(8).padStart(11, '0'), 136);
  block.fill(' ', field.checksum, field.type);
  block.write('ustar\x0000', field.magic);
  block.write('0000000', 329);
  block.write('0000000', 337);
  return block;
}

function sumOf(block: Buffer): number {
  let sum = 0;
  for (const byte of block) sum += byte;
  return sum;
}

function paxLength(fields: HeaderFields): number {
  const slash = fields.type === 'folder' ? 1 : 0;
  // UTF-8 needs at most three bytes per UTF-16 unit, so short texts need no counting.
  const path = fields.path.length <= 33 ? 0 : Buffer.byteLength(fields.path) + slash;
  const target = fields.target.length <= 33 ? 0 : Buffer.byteLength(fields.target);
  return (
    (path > nameBytes ? recordLength('path', path) : 0) +
    (target > nameBytes ? recordLength('linkpath', target) : 0) +
    (fields.size > maxOctalSize ? recordLength('size', String(fields.size).length) : 0)
  );
}

function paxRecords(fields: HeaderFields, name: string): Buffer {
  if (paxLength(fields) === 0) return Buffer.alloc(0);
  let text = '';
  if (Buffer.byteLength(name) > nameBytes) text += paxRecord('path', name);
  if (Buffer.byteLength(fields.target) > nameBytes) text += paxRecord('linkpath', fields.target);
  if (fields.size > maxOctalSize) text += paxRecord('size', String(fields.size));
  return Buffer.from(text);
}

function paxRecord(key: string, value: string): string {
  return `${recordLength(key, Buffer.byteLength(value))} ${key}=${value}\n`;
}

/** Returns the length of a record, which includes the digits of the length itself. */
function recordLength(key: string, valueBytes: number): number {
  const rest = key.length + valueBytes + 3;
  const length = rest + String(rest).length;
  return rest + String(length).length;
}
