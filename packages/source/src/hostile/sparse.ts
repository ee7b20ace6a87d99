import { archive, entry, file, folder, gnuLong, header, pax, record, symlink } from './blocks.js';
import { family, type HostileArchive } from './case.js';

const ok = file('ok', 'fine');
const corrupt = 'source_corrupt';
const large = 'source_too_large';

const octal = (value: number) => `${value.toString(8).padStart(11, '0')}\0`;
const pieces = (numbers: readonly number[]) => Buffer.from(numbers.map(octal).join(''));

/** Returns an old GNU sparse file: four pieces in its header, and more in blocks of 21. */
function oldGnu(options: {
  readonly realSize: number;
  readonly map: readonly number[];
  readonly more?: readonly (readonly number[])[];
  readonly content?: string;
}): Buffer {
  const { realSize, map, more = [], content = '' } = options;
  const block = header({ path: 's', type: 'S', magic: 'ustar  \0', size: content.length });
  pieces(map).copy(block, 386);
  block[482] = more.length > 0 ? 1 : 0;
  block.write(octal(realSize), 483, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const blocks = more.map((numbers, at) => {
    const out = Buffer.alloc(512);
    pieces(numbers).copy(out);
    out[504] = at < more.length - 1 ? 1 : 0;
    return out;
  });
  return Buffer.concat([block, ...blocks, Buffer.from(content), Buffer.alloc(-content.length & 511)]);
}

const pax00 = (size: string, map: readonly (readonly [string, string])[], content: string) =>
  Buffer.concat([
    pax(
      Buffer.concat([
        record('GNU.sparse.size', size),
        record('GNU.sparse.numblocks', String(map.length)),
        ...map.flatMap(([offset, bytes]) => [
          record('GNU.sparse.offset', offset),
          record('GNU.sparse.numbytes', bytes),
        ]),
      ]),
    ),
    file('s', content),
  ]);
const pax01 = (size: string, map: string, content: string, name = 's') =>
  Buffer.concat([
    pax({ 'GNU.sparse.name': name, 'GNU.sparse.size': size, 'GNU.sparse.map': map }),
    file('GNUSparseFile.1/s', content),
  ]);
export const pax10 = (realSize: string, map: string, content: string, name = 's') =>
  Buffer.concat([
    pax({
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': name,
      'GNU.sparse.realsize': realSize,
    }),
    file('GNUSparseFile.1/s', map.padEnd(Math.ceil(map.length / 512) * 512, '\0') + content),
  ]);

const whole = { ok: 'fine', s: '\0\0\0abc\0\0de\0' };

/** Sparse files of real writers, and with maps that no reader should trust. */
export const sparseArchives = (): HostileArchive[] => [
  ...family('sparse files, whose holes are zeros', [
    ['old GNU', whole, archive(ok, oldGnu({ realSize: 11, map: [3, 3, 8, 2, 11, 0], content: 'abcde' }))],
    [
      'old GNU with a further block',
      whole,
      archive(ok, oldGnu({ realSize: 11, map: [3, 1, 4, 1, 5, 1, 8, 1], more: [[9, 1]], content: 'abcde' })),
    ],
    [
      'pax 0.0',
      whole,
      archive(
        ok,
        pax00(
          '11',
          [
            ['3', '3'],
            ['8', '2'],
          ],
          'abcde',
        ),
      ),
    ],
    ['pax 0.1', whole, archive(ok, pax01('11', '3,3,8,2', 'abcde'))],
    ['pax 1.0', whole, archive(ok, pax10('11', '2\n3\n3\n8\n2\n', 'abcde'))],
    ['nothing but a hole', { s: '\0\0\0' }, archive(pax10('3', '0\n', ''))],
    ['no hole and no content', { s: '' }, archive(pax10('0', '1\n0\n0\n', ''))],
    ['old GNU, nothing but a hole', { s: '\0\0\0' }, archive(oldGnu({ realSize: 3, map: [3, 0] }))],
    [
      'a long name before it',
      { 'long-name': '\0x' },
      archive(gnuLong('long-name'), oldGnu({ realSize: 2, map: [1, 1], content: 'x' })),
    ],
  ]),
  ...family('sparse files that become too large', [
    ['old GNU of a terabyte', large, archive(ok, oldGnu({ realSize: 2 ** 33 - 1, map: [0, 0] }))],
    ['pax 0.0', large, archive(pax00('999999999999', [['0', '1']], 'x'))],
    ['pax 0.1', large, archive(pax01('99999999999', '0,1,99999999999,0', 'x'))],
    ['pax 1.0', large, archive(pax10('1099511627776', '1\n0\n1\n', 'x'))],
  ]),
  ...family('sparse files (CVE-2019-9923, CVE-2025-58183)', [
    [
      'old GNU without its further block',
      corrupt,
      archive(ok, oldGnu({ realSize: 9, map: [0, 1], more: [[]], content: '' })),
    ],
    ['old GNU that ends in its map', corrupt, oldGnu({ realSize: 9, map: [0, 1], more: [[], []] })],
    ['pieces that overlap', corrupt, archive(pax01('9', '0,3,2,2', 'abcde'))],
    ['pieces out of order', corrupt, archive(pax01('9', '5,2,0,3', 'abcde'))],
    ['a piece beyond the end', corrupt, archive(pax01('9', '5,5', 'abcde'))],
    ['an empty piece beyond the end', corrupt, archive(pax01('9', '0,5,10,0', 'abcde'))],
    [
      'a piece that ends beyond all numbers',
      corrupt,
      archive(pax01('9', '9007199254740991,9007199254740991', 'x')),
    ],
    ['more pieces than content', corrupt, archive(pax01('9', '0,5', 'abc'))],
    ['fewer pieces than content', corrupt, archive(pax01('9', '0,2', 'abc'))],
    ['an offset without a length', corrupt, archive(pax01('9', '0,2,4', 'ab'))],
    ['a number with a sign', corrupt, archive(pax01('9', '-1,2', 'ab'))],
    ['a number in hexadecimal', corrupt, archive(pax01('9', '0x1,2', 'ab'))],
    ['no size', corrupt, archive(pax({ 'GNU.sparse.map': '0,1' }), file('s'))],
    ['no map', corrupt, archive(pax({ 'GNU.sparse.size': '9' }), file('s'))],
    ['a name alone', corrupt, archive(pax({ 'GNU.sparse.name': 'x' }), file('s'))],
    [
      'an unknown version',
      corrupt,
      archive(pax({ 'GNU.sparse.major': '2', 'GNU.sparse.realsize': '1' }), file('s')),
    ],
    [
      'a length before an offset',
      corrupt,
      archive(pax({ 'GNU.sparse.size': '9', 'GNU.sparse.numbytes': '1' }), file('s')),
    ],
    ['a map of more pieces than its entries', corrupt, archive(pax10('9', '999999999\n', ''))],
    ['a map without an end', corrupt, archive(pax10('9', '9\n0\n', ''), ok)],
    ['a map that is not text', corrupt, archive(pax10('9', '\xff\xfe\n', 'abc'))],
    ['a line without an end', corrupt, archive(pax10('9', '1'.repeat(512), 'abc'))],
    [
      'no block for the map',
      corrupt,
      archive(
        pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '1' }),
        file('s', ''),
      ),
    ],
    ['a name that climbs', 'source_path_unsafe', archive(pax01('1', '0,1', 'x', '../evil'))],
    ['a name that is absolute', 'source_path_unsafe', archive(pax10('1', '1\n0\n1\n', 'x', '/etc/passwd'))],
    ['a name twice', 'source_path_duplicate', archive(ok, pax01('1', '0,1', 'x', 'ok'))],
    [
      'a name below a link',
      'source_path_conflict',
      archive(symlink('l', '/etc'), pax01('1', '0,1', 'x', 'l/passwd')),
    ],
    [
      'a sparse folder',
      corrupt,
      archive(pax({ 'GNU.sparse.size': '1', 'GNU.sparse.map': '' }), folder('d'), ok),
    ],
    [
      'a sparse link',
      corrupt,
      archive(pax({ 'GNU.sparse.size': '1', 'GNU.sparse.map': '' }), symlink('l', 'ok'), ok),
    ],
    [
      'of both kinds at once',
      corrupt,
      archive(
        pax({ 'GNU.sparse.size': '1', 'GNU.sparse.map': '0,1' }),
        entry({ path: 's', type: 'S', magic: 'ustar  \0' }, 'x'),
      ),
    ],
    ['for all later entries', corrupt, archive(pax({ 'GNU.sparse.major': '1' }, 'g'), ok)],
  ]),
];
