import { archive, entry, file, folder, gnuLong, pax } from './blocks.js';
import { family, type HostileArchive } from './case.js';

const ok = file('ok', 'fine');
const unsafe = 'source_path_unsafe';

/** Names that leave the folder that they are unpacked in. */
export const pathArchives = (): HostileArchive[] => [
  ...family('zip slip (CVE-2018-1002200, CVE-2007-4559)', [
    ['a path that climbs', unsafe, archive(ok, file('../evil'))],
    ['a path that climbs far', unsafe, archive(ok, file(`${'../'.repeat(30)}etc/cron.d/evil`))],
    ['a path that climbs in the middle', unsafe, archive(ok, file('a/../../evil'))],
    ['a path that climbs and comes back', unsafe, archive(ok, file('a/../b'))],
    ['a path that climbs at its end', unsafe, archive(ok, file('a/..'))],
    ['a path that is only two dots', unsafe, archive(ok, folder('..'))],
    ['a path that climbs behind a dot', unsafe, archive(ok, file('./../evil'))],
    ['a path that climbs behind doubled slashes', unsafe, archive(ok, file('a//..//..//evil'))],
    ['a path that climbs from the end of a long one', unsafe, archive(ok, file(`${'d/'.repeat(45)}../x`))],
    [
      'dots that only look like climbing',
      { ok: 'fine', '...': '/', '.../..a': 'x' },
      archive(ok, file('.../..a')),
    ],
    [
      'percent signs, which stay encoded',
      { ok: 'fine', '%2e%2e%2fevil': 'x' },
      archive(ok, file('%2e%2e%2fevil')),
    ],
  ]),
  ...family('CVE-2016-6321: names that are unsafe after a removal', [
    ['two dots left after a prefix is removed', unsafe, archive(ok, file('x/../../../../etc/motd'))],
    [
      'two dots left after the inner two are removed',
      { ok: 'fine', '....': '/', '..../evil': 'x' },
      archive(ok, file('....//evil')),
    ],
  ]),
  ...family('CVE-2021-32804: absolute paths with one slash removed', [
    ['an absolute path', unsafe, archive(ok, file('/etc/passwd'))],
    ['an absolute path with four slashes', unsafe, archive(ok, file('////etc/passwd'))],
    ['the root itself', unsafe, archive(ok, folder('/'))],
    ['an absolute path by a pax header', unsafe, archive(ok, pax({ path: '/etc/passwd' }), file('b'))],
    ['an absolute path by a GNU long name', unsafe, archive(ok, gnuLong('/etc/passwd'), file('b'))],
    ['an absolute path by a ustar prefix', unsafe, archive(ok, entry({ path: 'passwd', prefix: '/etc' }))],
  ]),
  ...family('CVE-2021-37713, CVE-2021-37701: Windows paths', [
    [
      'a path with backslashes, plain characters here',
      { ok: 'fine', '..\\..\\evil': 'x' },
      archive(ok, file('..\\..\\evil')),
    ],
    ['a drive', { ok: 'fine', 'C:': '/', 'C:/evil': 'x' }, archive(ok, file('C:/evil'))],
    ['a path relative to a drive', { ok: 'fine', 'C:evil': 'x' }, archive(ok, file('C:evil'))],
    ['a path that climbs behind a drive', unsafe, archive(ok, file('C:../evil'), file('C:/../../evil'))],
    ['a share', unsafe, archive(ok, file('//server/share/evil'))],
    [
      'a share with backslashes',
      { ok: 'fine', '\\\\?\\C:\\evil': 'x' },
      archive(ok, file('\\\\?\\C:\\evil')),
    ],
    ['a device', { ok: 'fine', NUL: 'x', 'aux.txt': 'x' }, archive(ok, file('NUL'), file('aux.txt'))],
    ['a stream of a file', { ok: 'fine', 'ok::$DATA': 'x' }, archive(ok, file('ok::$DATA'))],
    ['a short name of the DOS kind', { ok: 'fine', 'PROGRA~1': 'x' }, archive(ok, file('PROGRA~1'))],
  ]),
  ...family('paths joined from parts', [
    ['a ustar prefix that climbs', unsafe, archive(entry({ path: 'evil', prefix: '..' }))],
    [
      'a ustar prefix whose end and whose name climb',
      unsafe,
      archive(entry({ path: './evil', prefix: 'a/../..' })),
    ],
    [
      'a prefix where GNU has none',
      { evil: '' },
      archive(entry({ path: 'evil', prefix: '..', magic: 'ustar  \0' })),
    ],
    ['a pax path that climbs', unsafe, archive(ok, pax({ path: '../evil' }), file('b'))],
    ['a GNU long path that climbs', unsafe, archive(ok, gnuLong('../evil'), file('b'))],
    ['a pax path in place of an unsafe one', { fine: 'x' }, archive(pax({ path: 'fine' }), file('../evil'))],
  ]),
  ...family('names without end, or none', [
    ['an empty path', unsafe, archive(file(''))],
    ['a path with a part of 256 bytes', unsafe, archive(gnuLong('x'.repeat(256)), file('b'))],
    ['a path of 4,097 bytes', unsafe, archive(gnuLong(`${'abcdefg/'.repeat(512)}x`), file('b'))],
    [
      'a path of a mebibyte (CVE-2024-28863)',
      unsafe,
      archive(gnuLong(`${'a/'.repeat(524_000)}a`), file('b')),
    ],
    ['a file in place of the root', unsafe, archive(ok, file('.'))],
    [
      'a link in place of the root (CVE-2025-59343)',
      unsafe,
      archive(ok, entry({ path: './', type: '2', link: '/etc' })),
    ],
    ['the root as a folder', { ok: 'fine' }, archive(folder('./'), ok)],
  ]),
];
