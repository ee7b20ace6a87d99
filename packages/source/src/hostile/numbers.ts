import { archive, entry, file, header } from './blocks.js';
import { family, type HostileArchive } from './case.js';

const ok = file('ok', 'fine');
const corrupt = 'source_corrupt';
const bytes = (...values: number[]) => Buffer.from([...values, ...Array(12 - values.length).fill(0)]);

/** Header fields without a number, or with a malicious one. */
export const numberArchives = (): HostileArchive[] => [
  ...family('sizes', [
    ['a size that is not a number', corrupt, archive(header({ size: '12x4' }))],
    ['a negative size in octal', corrupt, archive(header({ size: '-0000000001' }))],
    ['a negative size in base 256', corrupt, archive(header({ size: Buffer.alloc(12, 0xff) }))],
    [
      'a size beyond all numbers',
      corrupt,
      archive(header({ size: Buffer.from([0x80, ...Array(11).fill(0xff)]) })),
    ],
    ['a size of 2^53 in base 256', corrupt, archive(header({ size: bytes(0x80, 0, 0, 0, 0, 0x20) }))],
    ['a size of 2^63 in base 256', corrupt, archive(header({ size: bytes(0x80, 0, 0, 0, 0x80) }))],
    [
      'a size of a tebibyte in base 256',
      'source_too_large',
      archive(header({ size: bytes(0x80, 0, 0, 0, 0, 0, 1) })),
    ],
    ['the largest size in octal', 'source_too_large', archive(header({ size: '77777777777\0' }))],
    ['twelve digits, without an end', 'source_too_large', archive(header({ size: '777777777777' }))],
    ['a zero byte and then digits', corrupt, archive(header({ size: '1\x002' }))],
    [
      'a size in base 256 that fits',
      { a: 'xyz' },
      archive(entry({ path: 'a', size: Buffer.from([0x80, ...Array(10).fill(0), 3]) }, 'xyz')),
    ],
    ['blanks for a size', { x: '' }, archive(header({ size: ' '.repeat(12) }))],
    ['digits after blanks', { a: 'xyz' }, archive(entry({ path: 'a', size: '         3 \0' }, 'xyz'))],
    ['digits that are not octal', corrupt, archive(header({ size: '00000000008\0' }))],
    [
      'a size that reaches beyond the end',
      corrupt,
      archive(header({ path: 'a', size: 4096 }), Buffer.alloc(100)),
    ],
    ['a folder with content', corrupt, archive(entry({ path: 'd', type: '5' }, 'content'))],
    ['a folder by its slash with content', corrupt, archive(entry({ path: 'd/' }, 'content'))],
  ]),
  ...family('other fields', [
    ['a mode that is not a number', corrupt, archive(header({ mode: 'rwxr-xr-' }))],
    ['a mode with set-user-id, which is dropped', { x: '' }, archive(header({ mode: 0o6644 }))],
    ['a wrong checksum', corrupt, archive(ok, header({ path: 'x', checksumError: 1 }))],
    ['a checksum of nothing', corrupt, archive(ok, Buffer.concat([Buffer.from('x'), Buffer.alloc(511)]))],
    [
      'no magic, as before ustar',
      { ok: 'fine', v7: 'x' },
      archive(ok, entry({ path: 'v7', magic: '\0'.repeat(8) }, 'x')),
    ],
    [
      'an unknown magic',
      { ok: 'fine', x: 'x' },
      archive(ok, entry({ path: 'x', magic: 'tar\0\0\0\0\0', prefix: '..' }, 'x')),
    ],
  ]),
  ...family('entries that are not files', [
    ...[...'346DSMNVAX8\x01'].map(
      (type) =>
        [
          `an entry of type ${JSON.stringify(type)}`,
          'source_entry_unsupported',
          archive(ok, header({ path: 'thing', type })),
        ] as const,
    ),
    [
      'a device that has content',
      'source_entry_unsupported',
      archive(ok, entry({ path: 'dev', type: '3' }, 'content')),
    ],
    [
      'a contiguous file, which is a file',
      { ok: 'fine', c: 'x' },
      archive(ok, entry({ path: 'c', type: '7' }, 'x')),
    ],
  ]),
];
