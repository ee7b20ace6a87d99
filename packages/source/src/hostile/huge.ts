import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import type { ErrorCode } from '@slipway/shared/errors';
import { endMark, file, gnuLong, hardLink, header, pax, symlink } from './blocks.js';

/** An archive that is larger than memory, or becomes so. It generates its bytes on demand. */
export interface HugeArchive {
  readonly name: string;
  /** The CVE or the trick that it tests. */
  readonly standsFor: string;
  /** The error code under the default limits of an API. */
  readonly expected: ErrorCode;
  /** True if the refusal takes longer than a second, because all of it must arrive. */
  readonly isLong?: boolean;
  readonly open: () => Readable;
}

const gibibyte = 2 ** 30;
const zeros = Buffer.alloc(1024 * 1024);

function* repeated(count: number, make: (at: number) => Buffer): Generator<Buffer> {
  // Pieces larger than an entry, because a million small ones are slow.
  for (let at = 0; at < count; ) {
    const piece: Buffer[] = [];
    for (let bytes = 0; bytes < 256 * 1024 && at < count; at++) {
      const part = make(at);
      piece.push(part);
      bytes += part.length;
    }
    yield Buffer.concat(piece);
  }
}

async function* joined(...parts: readonly (Buffer | Iterable<Buffer>)[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    for (const piece of Buffer.isBuffer(part) ? [part] : part) {
      // Lets the caller see an early answer.
      await setImmediate();
      yield piece;
    }
  }
}

const raw = (...parts: readonly (Buffer | Iterable<Buffer>)[]) =>
  Readable.from(joined(...parts), { objectMode: false });
const packed = (...parts: readonly (Buffer | Iterable<Buffer>)[]) =>
  // The receiver may stop early, so nothing waits for the rest.
  raw(...parts).compose(createGzip({ level: 1 })) as Readable;

const million = 1_000_000;
const longName = (at: number, segment: string) =>
  `${`${segment}/`.repeat(Math.floor(4000 / (segment.length + 1)))}${at}`;

export const hugeArchives = (): HugeArchive[] => [
  {
    name: '1,000,000 entries',
    standsFor: 'more entries than fit into memory',
    expected: 'source_too_many_files',
    open: () =>
      raw(
        repeated(million, (at) => file(`f${at}`, '')),
        endMark,
      ),
  },
  {
    name: '1,000,000 entries, packed',
    standsFor: 'more entries than fit into memory',
    expected: 'source_too_many_files',
    open: () =>
      packed(
        repeated(million, (at) => file(`f${at}`, '')),
        endMark,
      ),
  },
  {
    name: '50,000 names of 4,000 bytes',
    standsFor: 'CVE-2024-28863: names that take more memory than their files',
    expected: 'source_too_large',
    open: () =>
      packed(
        repeated(50_000, (at) => pathed(longName(at, 'n'.repeat(200)))),
        endMark,
      ),
  },
  {
    name: 'names of 2,000 folders each',
    standsFor: 'CVE-2024-28863: folders within folders',
    expected: 'source_too_large',
    open: () =>
      packed(
        repeated(24, (at) => pathed(`${at}/${longName(at, 'd')}`)),
        endMark,
      ),
  },
  {
    name: '50,000 link targets of 4,000 bytes',
    standsFor: 'names that take more memory than their files',
    expected: 'source_too_large',
    open: () =>
      packed(
        repeated(40_000, (at) => Buffer.concat([gnuLong(longName(at, 't'), 'K'), symlink(`l${at}`, 'x')])),
        endMark,
      ),
  },
  {
    name: '40,000 names of control characters',
    standsFor: 'names that are six times as long once they are escaped',
    expected: 'source_too_large',
    open: () =>
      packed(
        repeated(40_000, (at) => pathed(`${'\x01'.repeat(200)}/${at}`)),
        endMark,
      ),
  },
  {
    name: '1 GiB of zeros, packed',
    standsFor: 'a bomb that says its size',
    expected: 'source_too_large',
    open: () =>
      packed(
        header({ path: 'zeros', size: gibibyte }),
        repeated(1024, () => zeros),
        endMark,
      ),
  },
  {
    name: '400 MiB of zeros, packed',
    standsFor: 'a bomb that keeps to the limit of files',
    expected: 'source_ratio_exceeded',
    open: () =>
      packed(
        header({ path: 'zeros', size: 400 * 1024 * 1024 }),
        repeated(400, () => zeros),
        endMark,
      ),
  },
  {
    name: '1 GiB of zeros after the end, packed',
    standsFor: 'a bomb behind the end mark',
    expected: 'source_ratio_exceeded',
    open: () =>
      packed(
        file('ok'),
        endMark,
        repeated(1024, () => zeros),
      ),
  },
  {
    name: 'headers that describe nothing, packed, for ever',
    standsFor: 'CVE-2022-2879: headers without end',
    expected: 'source_ratio_exceeded',
    open: () => packed(repeated(2000, () => pax({ comment: 'x'.repeat(500_000) }, 'g'))),
  },
  {
    name: 'copies of one file by hard links',
    standsFor: 'a bomb of hard links',
    expected: 'source_too_large',
    open: () =>
      raw(
        header({ path: 'big', size: 16 * zeros.length }),
        repeated(16, () => zeros),
        repeated(100, (at) => hardLink(`copy${at}`, 'big')),
        endMark,
      ),
  },
  {
    name: 'headers that describe nothing, for ever',
    standsFor: 'CVE-2022-2879: headers without end',
    expected: 'body_too_large',
    isLong: true,
    open: () => raw(repeated(million, () => pax({ comment: 'x'.repeat(5000) }, 'g'))),
  },
  {
    name: 'more after the end than may be sent',
    standsFor: 'an archive without end',
    expected: 'body_too_large',
    isLong: true,
    open: () =>
      raw(
        file('ok'),
        endMark,
        repeated(1024, () => zeros),
      ),
  },
];

const pathed = (path: string) => Buffer.concat([gnuLong(path), file('x', '')]);
