/** Headers and archives written byte by byte, because no tar writer produces them. */
const blockBytes = 512;

export interface HeaderFields {
  readonly path?: string | Buffer;
  /** Raw digits if a text or bytes. Default: 0. */
  readonly size?: number | string | Buffer;
  /** The type flag. Default: `0`, a file. */
  readonly type?: string;
  readonly link?: string | Buffer;
  readonly prefix?: string;
  readonly mode?: number | string;
  /** Magic and version. Default: those of ustar. */
  readonly magic?: string;
  /** The error added to the correct checksum. */
  readonly checksumError?: number;
}

/** Returns a header block. Texts are cut to their fields. */
export function header(fields: HeaderFields): Buffer {
  const { path = 'x', size = 0, type = '0', link = '', prefix = '', mode = 0o644 } = fields;
  const out = Buffer.alloc(blockBytes);
  put(out, 0, 100, path);
  put(out, 100, 8, typeof mode === 'number' ? octal(mode, 8) : mode);
  put(out, 108, 8, octal(0, 8));
  put(out, 116, 8, octal(0, 8));
  put(out, 124, 12, typeof size === 'number' ? octal(size, 12) : size);
  put(out, 136, 12, octal(0, 12));
  put(out, 156, 1, type);
  put(out, 157, 100, link);
  put(out, 257, 8, fields.magic ?? 'ustar\x0000');
  put(out, 345, 155, prefix);
  out.fill(' ', 148, 156);
  let sum = fields.checksumError ?? 0;
  for (const byte of out) sum += byte;
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

/** Returns a header and its padded content. Paths that do not fit are cut; use `pax` or `gnuLong` for them. */
export function entry(fields: HeaderFields, content: string | Buffer = ''): Buffer {
  const body = Buffer.from(content);
  return Buffer.concat([header({ size: body.length, ...fields }), body, Buffer.alloc(-body.length & 511)]);
}

export const file = (path: string | Buffer, content = 'x'): Buffer => entry({ path }, content);
export const folder = (path: string): Buffer => entry({ path, type: '5', mode: 0o755 });
export const symlink = (path: string, link: string): Buffer => entry({ path, link, type: '2' });
export const hardLink = (path: string, link: string): Buffer => entry({ path, link, type: '1' });

/** Returns a record of a pax header: its length including itself, a blank, the key, the value, a line feed. */
export function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Returns a pax header with these records, or these raw bytes; `g` applies to all later entries. */
export function pax(
  records: Readonly<Record<string, string | Buffer>> | Buffer | string,
  type: 'x' | 'g' = 'x',
): Buffer {
  const body =
    typeof records === 'string' || Buffer.isBuffer(records)
      ? Buffer.from(records)
      : Buffer.concat(Object.entries(records).map(([key, value]) => record(key, value)));
  return entry({ path: 'PaxHeader', type, size: body.length }, body);
}

/** Returns the name (`L`) or link target (`K`) of the next entry, in GNU tar's form for long ones. */
export function gnuLong(name: string | Buffer, type: 'L' | 'K' = 'L'): Buffer {
  const body = Buffer.concat([Buffer.from(name), Buffer.alloc(1)]);
  return entry({ path: '././@LongLink', type, magic: 'ustar  \0' }, body);
}

export const endMark: Buffer = Buffer.alloc(2 * blockBytes);

export const archive = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, endMark]);

function put(out: Buffer, at: number, length: number, value: string | Buffer): void {
  Buffer.from(value as string, 'utf8').copy(out, at, 0, length);
}

const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`;
