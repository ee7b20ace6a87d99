import { archive, file, gnuLong, pax, symlink } from './blocks.js';
import { family, type HostileArchive } from './case.js';

const ok = file('ok', 'fine');
const unsafe = 'source_path_unsafe';
const duplicate = 'source_path_duplicate';
const raw = (...bytes: number[]) => file(Buffer.from(bytes));

/** Names that look like others, or that some file systems treat as equal. */
export const nameArchives = (): HostileArchive[] => [
  ...family('bytes that are not text', [
    ['a path that is not UTF-8', unsafe, archive(raw(0x61, 0xff, 0xfe))],
    ['a path in Latin-1', unsafe, archive(raw(0x63, 0x61, 0x66, 0xe9))],
    ['an overlong slash', unsafe, archive(raw(0x2e, 0x2e, 0xc0, 0xaf))],
    ['an overlong dot', unsafe, archive(raw(0xc0, 0xae, 0xc0, 0xae, 0x2f, 0x78))],
    ['half of a surrogate pair', unsafe, archive(raw(0x61, 0xed, 0xa0, 0x80))],
    ['beyond the last character', unsafe, archive(raw(0xf4, 0x90, 0x80, 0x80))],
    ['a character cut at the end of the field', unsafe, archive(file(Buffer.from(`${'a'.repeat(99)}é`)))],
    ['a pax path that is not UTF-8', unsafe, archive(pax({ path: Buffer.from([0xc3, 0x28]) }), file('x'))],
    ['a GNU long path that is not UTF-8', unsafe, archive(gnuLong(Buffer.from([0x80])), file('x'))],
  ]),
  ...family('invisible characters, or characters that reverse text', [
    ['control characters', { ok: 'fine', 'a\x1b[31mb\x07': 'x' }, archive(ok, file('a\x1b[31mb\x07'))],
    ['a line feed', { ok: 'fine', 'a\nb': 'x' }, archive(ok, file('a\nb'))],
    ['a right-to-left override', { ok: 'fine', 'gpj.\u202eexe': 'x' }, archive(ok, file('gpj.\u202eexe'))],
    [
      'a joiner and a byte order mark',
      { ok: 'fine', '\ufeffok': 'x', 'ok\u200d': 'x' },
      archive(ok, file('\ufeffok'), file('ok\u200d')),
    ],
    [
      'a character that looks like a slash',
      { ok: 'fine', '..\u2215evil': 'x', '\uff0e\uff0e': '/', '\uff0e\uff0e/x': 'x' },
      archive(ok, file('..\u2215evil'), file('\uff0e\uff0e/x')),
    ],
    [
      'a name that ends in a blank and one in a dot',
      { ok: 'fine', 'ok ': 'x', 'ok.': 'x' },
      archive(ok, file('ok '), file('ok.')),
    ],
    [
      'a name for a shell',
      { ok: 'fine', '-rf': 'x', '$(id)': 'x', '`id`;x': 'x' },
      archive(ok, file('-rf'), file('$(id)'), file('`id`;x')),
    ],
    [
      'names of the language',
      { ok: 'fine', __proto__x: 'x', constructor: 'x', toString: 'x' },
      archive(ok, file('__proto__x'), file('constructor'), file('toString')),
    ],
  ]),
  ...family('CVE-2021-37712, CVE-2026-23950: names that are equal in some file systems', [
    ['by case', { ok: 'fine', OK: 'x' }, archive(ok, file('OK'))],
    ['by composition', { caf\u00e9: 'x', 'cafe\u0301': 'x' }, archive(file('caf\u00e9'), file('cafe\u0301'))],
    ['by folding', { stra\u00dfe: 'x', strasse: 'x' }, archive(file('stra\u00dfe'), file('strasse'))],
    [
      'a link by composition, and a file through it',
      { 'e\u0301': '-> ok', '\u00e9': '/', '\u00e9/x': 'x', ok: 'fine' },
      archive(ok, symlink('e\u0301', 'ok'), file('\u00e9/x')),
    ],
    [
      'a link by case, and a file through it',
      { L: '-> ok', l: '/', 'l/x': 'x', ok: 'fine' },
      archive(ok, symlink('L', 'ok'), file('l/x')),
    ],
  ]),
  ...family('one name twice', [
    ['a file twice', duplicate, archive(ok, ok)],
    ['a file twice, spelt differently', duplicate, archive(ok, file('./ok'))],
    ['a file twice, with doubled slashes', duplicate, archive(file('a/b'), file('a//./b'))],
    ['a file twice, once by a long name', duplicate, archive(ok, gnuLong('ok'), file('other'))],
    ['a file in place of a folder', 'source_path_conflict', archive(file('d/x'), file('d'))],
    ['a file below a file', 'source_path_conflict', archive(ok, file('ok/below'))],
  ]),
];
