import { gnuLong, pax, record } from '@slipway/source/hostile';

const block = 512;
/** Numbers that often break parsers. */
const numbers = [
  '0',
  '1',
  '-1',
  '511',
  '512',
  '513',
  '00000001000\0',
  '77777777777\0',
  '9007199254740993',
  '18446744073709551616',
];
const words = [
  ...['../', '/', './', '..', '\0', '\n', ' ', '=', '\\', 'context/', 'é', '\u202e'],
  ...[
    'path=',
    'linkpath=',
    'size=',
    '12 path=abc\n',
    '11 size=10\n',
    'GNU.sparse.major=1',
    'ustar\x0000',
    'ustar  \0',
  ],
  ...numbers,
].map((word) => Buffer.from(word));
const keys = ['path', 'linkpath', 'size', 'mtime', 'GNU.sparse.major', 'SCHILY.xattr.a', 'hdrcharset'];
const values = ['a', 'b', 'a/b', '../a', '/a', 'a/', '', 'l', '4', 'é', '\0', 'x'.repeat(120), ...numbers];
const types = '01234567xgLKSDMNVAX\0';
/** Offsets and lengths of the header fields. */
const fields = [
  [0, 100],
  [100, 8],
  [124, 12],
  [148, 8],
  [156, 1],
  [157, 100],
  [257, 8],
  [345, 155],
] as const;

interface MutateOptions {
  readonly input: Buffer;
  /** Another input, whose parts may be copied. */
  readonly other: Buffer;
  readonly random: () => number;
  readonly maxBytes: number;
}

/** Changes an archive in one to eight ways. Mostly corrects its checksums, because parsers reject wrong checksums early. */
export function mutate({ input, other, random, maxBytes }: MutateOptions): Buffer {
  let bytes: Buffer = Buffer.from(input);
  const times = 1 + Math.floor(random() ** 2 * 8);
  for (let time = 0; time < times; time++) bytes = change(bytes, other, random);
  bytes = bytes.subarray(0, maxBytes);
  return random() < 0.9 ? withChecksums(bytes) : bytes;
}

function change(bytes: Buffer, other: Buffer, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]) => from[below(from.length)] as T;
  const blocks = Math.max(1, Math.floor(bytes.length / block));
  const at = below(bytes.length + 1);
  const header = below(blocks) * block;
  const splice = (from: number, to: number, piece: Buffer) =>
    Buffer.concat([bytes.subarray(0, from), piece, bytes.subarray(to)]);
  switch (below(13)) {
    case 0:
      return splice(at, at + 1, Buffer.of(below(256)));
    case 1: {
      const word = pick(words);
      return splice(at, random() < 0.7 ? at + word.length : at, word);
    }
    case 2: {
      const [offset, length] = pick(fields);
      const value = Buffer.alloc(length);
      pick(words).copy(value);
      return splice(header + offset, header + offset + length, value);
    }
    case 3:
      return splice(header + 156, header + 157, Buffer.from(types[below(types.length)] as string));
    case 4:
      // A size that ends at another block, or a few bytes beside it.
      return splice(
        header + 124,
        header + 136,
        Buffer.from(
          `${Math.max(0, below(4) * block + below(3) - 1)
            .toString(8)
            .padStart(11, '0')}\0`,
        ),
      );
    case 5:
      return splice(header, header + block, Buffer.alloc(0));
    case 6: {
      const from = below(blocks) * block;
      return splice(header, header, bytes.subarray(from, from + block * (1 + below(3))));
    }
    case 7: {
      const from = below(Math.max(1, Math.floor(other.length / block))) * block;
      return splice(header, header, other.subarray(from, from + block * (1 + below(4))));
    }
    case 8:
      return bytes.subarray(0, random() < 0.5 ? header : at);
    case 9: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << below(8));
      return flipped;
    }
    case 10:
      // An extended header with well-formed records of any content.
      return splice(
        header,
        header,
        pax(Buffer.concat(Array.from({ length: 1 + below(3) }, () => record(pick(keys), pick(values))))),
      );
    case 11:
      return splice(header, header, gnuLong(pick(values), pick(['L', 'K'])));
    default:
      return Buffer.concat([bytes, Buffer.alloc(2 * block)]);
  }
}

/** Corrects the checksum of every block that looks like a header. */
function withChecksums(bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  for (let at = 0; at + block <= out.length; at += block) {
    const isHeader = out.toString('latin1', at + 257, at + 262) === 'ustar';
    if (!isHeader) continue;
    out.fill(' ', at + 148, at + 156);
    let sum = 0;
    for (let i = at; i < at + block; i++) sum += out[i] as number;
    out.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  }
  return out;
}
