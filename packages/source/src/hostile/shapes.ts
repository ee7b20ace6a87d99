import { gzipSync } from 'node:zlib';
import { archive, endMark, file, folder, pax, symlink } from './blocks.js';
import { family, type HostileArchive } from './case.js';

const ok = file('ok', 'fine');
const form = { ok: 'fine' };
const corrupt = 'source_corrupt';
const small = archive(
  pax({ path: 'long' }),
  file('a', 'x'.repeat(600)),
  folder('d'),
  symlink('d/l', '../long'),
);

/** Archives that are empty, invalid, truncated, or continue after their end. */
export const shapeArchives = (): HostileArchive[] => [
  ...family('no archives', [
    ['nothing at all', corrupt, Buffer.alloc(0)],
    ['one byte', corrupt, Buffer.from('x')],
    ['text', corrupt, Buffer.from('not an archive '.repeat(100))],
    ['a zip', corrupt, Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(2000, 7)])],
    ['an end mark alone', 'source_empty', endMark],
    ['folders alone', 'source_empty', archive(folder('d/'))],
    ['half an end mark in the middle', corrupt, archive(ok, Buffer.alloc(512), file('x'))],
    ['a block of noise', corrupt, archive(ok, Buffer.alloc(512, 0xa5))],
  ]),
  // The last cut leaves the first of the two blocks of the end mark, which is enough for some writers.
  ...family('cut short', [
    ...Array.from({ length: small.length / 512 - 1 }, (_, at) => {
      const taken =
        at === small.length / 512 - 2 ? { long: 'x'.repeat(600), d: '/', 'd/l': '-> ../long' } : corrupt;
      return [
        `after ${(at + 1) * 512} bytes`,
        at === small.length / 512 - 2 ? taken : corrupt,
        small.subarray(0, (at + 1) * 512),
      ] as const;
    }),
    ['in a header', corrupt, Buffer.concat([ok, ok.subarray(0, 100)])],
    ['in the content', corrupt, ok.subarray(0, 514)],
    ['in the padding', corrupt, ok.subarray(0, 600)],
    ['in a pax header', corrupt, pax({ path: 'x' }).subarray(0, 520)],
    ['in the end mark', corrupt, Buffer.concat([ok, Buffer.alloc(100)])],
  ]),
  ...family('data after the end, which every tar ignores', [
    ['noise', form, Buffer.concat([archive(ok), Buffer.alloc(3000, 0xa5)])],
    ['two archives, one after the other', form, Buffer.concat([archive(ok), archive(file('../evil'))])],
    ['a second file of the same name', form, Buffer.concat([archive(ok), file('ok', 'other')])],
  ]),
  ...family('gzip', [
    ['gzip in gzip', corrupt, gzipSync(gzipSync(archive(ok)))],
    ['gzip three times', corrupt, gzipSync(gzipSync(gzipSync(archive(ok))))],
    ['gzip cut short', corrupt, gzipSync(archive(ok)).subarray(0, 60)],
    ['gzip without its trailer', corrupt, gzipSync(archive(ok)).subarray(0, -8)],
    [
      'gzip with a wrong checksum',
      corrupt,
      Buffer.concat([gzipSync(archive(ok)).subarray(0, -8), Buffer.alloc(8, 1)]),
    ],
    ['gzip followed by something else', corrupt, Buffer.concat([gzipSync(archive(ok)), Buffer.from('tail')])],
    ['gzip magic alone', corrupt, Buffer.from([0x1f, 0x8b])],
    ['an unsafe path in gzip', 'source_path_unsafe', gzipSync(archive(ok, file('../evil')))],
    [
      'an archive cut into two members',
      form,
      Buffer.concat([gzipSync(archive(ok).subarray(0, 700)), gzipSync(archive(ok).subarray(700))]),
    ],
    [
      'a thousand members of nothing',
      form,
      Buffer.concat([...Array(1000).fill(gzipSync('')), gzipSync(archive(ok))]),
    ],
    [
      'two archives in two members',
      form,
      Buffer.concat([gzipSync(archive(ok)), gzipSync(archive(file('../evil')))]),
    ],
    [
      'a bomb in a member behind',
      'source_ratio_exceeded',
      Buffer.concat([gzipSync(archive(ok)), gzipSync(Buffer.alloc(20_000_000))]),
    ],
    [
      'a bomb of many members',
      'source_ratio_exceeded',
      Buffer.concat([gzipSync(file('a', '')), ...Array(40).fill(gzipSync(Buffer.alloc(1_000_000)))]),
    ],
    ['an unknown method', corrupt, Buffer.concat([Buffer.from([0x1f, 0x8b, 9, 0]), Buffer.alloc(100)])],
    ['deflate without gzip', corrupt, Buffer.from('789c4b4c040000000000', 'hex')],
  ]),
];
