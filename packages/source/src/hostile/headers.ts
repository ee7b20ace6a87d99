import { archive, entry, file, folder, gnuLong, header, pax, record, symlink } from './blocks.js';
import { family, type HostileArchive } from './case.js';
import { sparseArchives } from './sparse.js';

const ok = file('ok', 'fine');
const corrupt = 'source_corrupt';
const inner = Buffer.concat([file('smuggled', 'x')]);

/** Extended headers that two readers interpret differently, or that no reader should trust. */
export const headerArchives = (): HostileArchive[] => [
  ...family('CVE-2025-62518, CVE-2026-33055: a size in a pax header beside another in the header', [
    [
      'a pax size over a header that says 0',
      corrupt,
      archive(pax({ size: String(inner.length) }), header({ path: 'outer' }), inner),
    ],
    ['a pax size of 0 over content', corrupt, archive(pax({ size: '0' }), entry({ path: 'outer' }, inner))],
    [
      'a pax size a block larger',
      corrupt,
      archive(pax({ size: '513' }), entry({ path: 'a' }, 'x'.repeat(512)), file('b')),
    ],
    ['a pax size that is the same', { a: 'xyz' }, archive(pax({ size: '3' }), entry({ path: 'a' }, 'xyz'))],
    ['a pax size on a folder', corrupt, archive(pax({ size: '512' }), folder('d'), ok)],
    ['a pax size on a link', corrupt, archive(pax({ size: '512' }), symlink('l', 'ok'), ok)],
    [
      'a pax size of 8 GiB',
      'source_too_large',
      archive(pax({ size: String(2 ** 33) }), header({ path: 'a' })),
    ],
  ]),
  ...family('CVE-2026-53655: a pax size on the long name that comes between', [
    [
      'size, long name, two files',
      corrupt,
      archive(pax({ size: '2048' }), gnuLong('long.txt'), file('a', 'AAAA'), file('b', 'BBBB')),
    ],
    [
      'a right size, long name, file',
      { 'long.txt': 'AAAA' },
      archive(pax({ size: '4' }), gnuLong('long.txt'), file('a', 'AAAA')),
    ],
    [
      'a long name for a pax header',
      { 'p.txt': 'AAAA' },
      archive(gnuLong('p.txt'), pax({ mtime: '1' }), file('a', 'AAAA')),
    ],
  ]),
  ...family('a pax header that is not read as it was written', [
    ['a zero byte in a pax path', 'source_path_unsafe', archive(pax({ path: 'a\0b' }), file('b'))],
    ['a zero byte in a GNU long path', 'source_path_unsafe', archive(gnuLong('a\0b'), file('b'))],
    ['a line feed in a pax path', { 'a\n11 path=b': 'x' }, archive(pax({ path: 'a\n11 path=b' }), file('c'))],
    [
      'a record that looks like another header',
      { ok: 'fine' },
      archive(pax({ comment: header({ path: '../evil' }) }), ok),
    ],
    [
      'a header in the content of a file',
      { a: header({ path: 'evil' }).toString('latin1') },
      archive(file('a', header({ path: 'evil' }).toString('latin1'))),
    ],
    ['a false length', corrupt, archive(pax('99 path=x\n'), ok)],
    ['a length of 0', corrupt, archive(pax('0 path=x\n'), ok)],
    ['a negative length', corrupt, archive(pax('-5 path=x\n'), ok)],
    ['a length beyond all numbers', corrupt, archive(pax(`${'9'.repeat(30)} path=x\n`), ok)],
    ['a length with a point', corrupt, archive(pax('10. path=x\n'), ok)],
    ['a length that ends in the middle of the key', corrupt, archive(pax('5 path=xyz\n'), ok)],
    ['no end', corrupt, archive(pax('11 path=xyz'), ok)],
    ['no key', corrupt, archive(pax('abc'), ok)],
    [
      'zero bytes after the records',
      corrupt,
      archive(pax(Buffer.concat([record('path', 'b'), Buffer.alloc(20)])), ok),
    ],
    [
      'the same key twice: the last one counts',
      { c: 'x' },
      archive(pax(Buffer.concat([record('path', 'b'), record('path', 'c')])), file('d')),
    ],
    [
      'a path that is revoked',
      { d: 'x' },
      archive(pax(Buffer.concat([record('path', '../b'), record('path', '')])), file('d')),
    ],
    ['a size that is not a number', corrupt, archive(pax({ size: '-1' }), ok)],
    ['a size in hexadecimal', corrupt, archive(pax({ size: '0x10' }), ok)],
    ['a size with an exponent', corrupt, archive(pax({ size: '1e3' }), ok)],
    ['a size of 2^53', corrupt, archive(pax({ size: String(2 ** 53) }), ok)],
    [
      'keys of the language',
      { ok: 'fine' },
      archive(pax({ __proto: 'x', constructor: 'x', toString: 'x' }), pax(record('__proto__', 'x'), 'g'), ok),
    ],
  ]),
  ...family('CVE-2022-2879: headers without end', [
    ['a pax header of two mebibytes', corrupt, archive(pax({ comment: 'x'.repeat(2 ** 21) }), ok)],
    ['a pax header of a mebibyte', { ok: 'fine' }, archive(pax({ comment: 'x'.repeat(1_000_000) }), ok)],
    [
      'a hundred thousand records',
      { ok: 'fine' },
      archive(pax(Buffer.concat(Array.from({ length: 90_000 }, () => record('a', 'b')))), ok),
    ],
    ['a GNU long name of two mebibytes', corrupt, archive(gnuLong('x'.repeat(2 ** 21)), ok)],
    [
      'a pax header that says 8 GiB',
      corrupt,
      archive(header({ path: 'p', type: 'x', size: 8 * 2 ** 30 - 1 }), ok),
    ],
  ]),
  ...family('headers for all that follows, for two, for none', [
    ['a global name', corrupt, archive(pax({ path: 'a' }, 'g'), ok)],
    ['a global size', corrupt, archive(pax({ size: '512' }, 'g'), ok)],
    ['a global link target', corrupt, archive(pax({ linkpath: '/etc/passwd' }, 'g'), symlink('l', 'ok'), ok)],
    ['a global comment, as git writes it', { ok: 'fine' }, archive(pax({ comment: 'abcdef' }, 'g'), ok)],
    ['a pax header that describes nothing', corrupt, archive(ok, pax({ path: 'x' }))],
    ['a long name that describes nothing', corrupt, archive(ok, gnuLong('x'))],
    ['two pax headers for one entry', corrupt, archive(pax({ mtime: '1' }), pax({ uid: '1' }), ok)],
    ['two names for one entry', corrupt, archive(pax({ path: 'a' }), gnuLong('b'), ok)],
    ['two long names for one entry', corrupt, archive(gnuLong('a'), gnuLong('b'), ok)],
    [
      'two targets for one link',
      corrupt,
      archive(ok, gnuLong('a', 'K'), gnuLong('b', 'K'), symlink('l', 'c')),
    ],
    ['a long target for a file', { ok: 'fine' }, archive(gnuLong('/etc/passwd', 'K'), ok)],
    ['a pax header for a pax header', corrupt, archive(pax({ path: 'a' }), pax({ path: 'b' }), ok)],
    ['an empty pax header', { ok: 'fine' }, archive(pax({}), ok)],
    ['an empty long name', 'source_path_unsafe', archive(entry({ path: '././@LongLink', type: 'L' }), ok)],
  ]),
  ...sparseArchives(),
];
