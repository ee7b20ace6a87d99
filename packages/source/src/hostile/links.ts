import { archive, entry, file, folder, gnuLong, hardLink, pax, symlink } from './blocks.js';
import { family, type HostileArchive } from './case.js';

const ok = file('ok', 'fine');
const form = { ok: 'fine' };
const unsafe = 'source_link_unsafe';
const conflict = 'source_path_conflict';
const duplicate = 'source_path_duplicate';

/** Links that lead out, and paths that pass through links. */
export const linkArchives = (): HostileArchive[] => [
  ...family('CVE-2026-23745: unchecked link targets', [
    ['an absolute link', { ...form, l: '-> /etc/passwd' }, archive(ok, symlink('l', '/etc/passwd'))],
    ['an absolute link with two slashes', { ...form, l: '-> //etc' }, archive(symlink('l', '//etc'), ok)],
    ['a link that climbs out', { ...form, l: '-> ../x' }, archive(ok, symlink('l', '../x'))],
    [
      'a link that climbs out of its folder twice',
      { ...form, a: '/', 'a/l': '-> ../../x' },
      archive(ok, symlink('a/l', '../../x')),
    ],
    [
      'a link that climbs within',
      { ok: 'fine', a: '/', 'a/l': '-> ../ok' },
      archive(ok, symlink('a/l', '../ok')),
    ],
    ['a hard link to a file outside', unsafe, archive(ok, hardLink('h', '/etc/passwd'))],
    ['a hard link that climbs', unsafe, archive(ok, hardLink('h', '../ok'))],
    ['a hard link that climbs and comes back', unsafe, archive(ok, hardLink('h', 'a/../ok'))],
    [
      'a long link that climbs out',
      { ...form, l: '-> ../x' },
      archive(ok, gnuLong('../x', 'K'), symlink('l', 'y')),
    ],
    [
      'a pax link that climbs out',
      { ...form, l: '-> ../x' },
      archive(ok, pax({ linkpath: '../x' }), symlink('l', 'y')),
    ],
    ['a long hard link that climbs out', unsafe, archive(ok, gnuLong('../x', 'K'), hardLink('h', 'ok'))],
    [
      'a hard link to an absolute link',
      { ...form, l: '-> /etc/passwd', h: '-> /etc/passwd' },
      archive(ok, symlink('l', '/etc/passwd'), hardLink('h', 'l')),
    ],
    ['a hard link to a link that comes later', unsafe, archive(ok, hardLink('h', 'l'), symlink('l', 'ok'))],
    [
      'a hard link below an absolute link',
      unsafe,
      archive(ok, symlink('l', '/etc'), hardLink('h', 'l/passwd')),
    ],
    ['a hard link to a root that is a link', unsafe, archive(ok, symlink('l', '/'), hardLink('h', 'l/etc'))],
    [
      'a pax hard link that climbs out',
      unsafe,
      archive(ok, pax({ linkpath: '../../etc/passwd' }), hardLink('l', 'ok')),
    ],
  ]),
  ...family('CVE-2026-24842: a hard link checked from its folder and made from the root', [
    [
      'a hard link that is safe only from below',
      unsafe,
      archive(ok, hardLink('a/b/c/d/h', '../../../../etc/passwd')),
    ],
    ['a hard link read from its own folder', unsafe, archive(file('a/b'), hardLink('a/h', 'b'))],
  ]),
  ...family('CVE-2026-26960: a hard link through a chain of links', [
    [
      'two links and a hard link through them',
      unsafe,
      archive(
        symlink('a/b/c/up', '../..'),
        symlink('a/b/escape', 'c/up/../..'),
        hardLink('exfil', 'a/b/escape/secret'),
      ),
    ],
    ['a hard link through a link', unsafe, archive(file('d/x'), symlink('l', 'd'), hardLink('h', 'l/x'))],
    [
      'the chain alone',
      {
        ...form,
        a: '/',
        'a/b': '/',
        'a/b/c': '/',
        'a/b/c/up': '-> ../..',
        'a/b/escape': '-> c/up/../..',
      },
      archive(symlink('a/b/c/up', '../..'), symlink('a/b/escape', 'c/up/../..'), ok),
    ],
  ]),
  ...family('CVE-2026-29786, CVE-2026-31802: targets relative to a drive', [
    [
      'a link behind a drive that climbs',
      { ...form, l: '-> C:../../../target.txt' },
      archive(ok, symlink('l', 'C:../../../target.txt')),
    ],
    ['a hard link behind a drive that climbs', unsafe, archive(ok, hardLink('l', 'C:../../target.txt'))],
    [
      'a link with backslashes, plain characters here',
      { ok: 'fine', l: '-> ..\\..\\x' },
      archive(ok, symlink('l', '..\\..\\x')),
    ],
  ]),
  ...family('CVE-2021-32803, CVE-2021-37712: a folder that becomes a link, a file through a link', [
    ['a file below a link', conflict, archive(ok, symlink('l', 'd'), file('l/below'))],
    ['a file below an absolute link', conflict, archive(ok, symlink('a', '/etc'), file('a/passwd'))],
    ['a file below a link that climbs', conflict, archive(ok, symlink('a', '../..'), file('a/evil'))],
    ['a folder below an absolute link', conflict, archive(ok, symlink('a', '/etc'), folder('a/evil'))],
    ['a link below an absolute link', conflict, archive(ok, symlink('a', '/etc'), symlink('a/evil', 'x'))],
    [
      'a hard link below an absolute link',
      conflict,
      archive(ok, symlink('a', '/etc'), hardLink('a/h', 'ok')),
    ],
    [
      'a file deep below an absolute link',
      conflict,
      archive(ok, symlink('a', '/'), file('a/etc/cron.d/evil')),
    ],
    [
      'a file below a chain of links that leads out',
      conflict,
      archive(ok, symlink('a', 'b'), symlink('b', '/etc'), file('a/passwd')),
    ],
    ['a file in place of an absolute link', duplicate, archive(symlink('a', '/etc/passwd'), file('a'))],
    [
      'an absolute link in place of a folder',
      duplicate,
      archive(folder('a'), symlink('a', '/etc'), file('a/x')),
    ],
    ['an absolute link in place of a file', duplicate, archive(ok, symlink('ok', '/etc/passwd'))],
    [
      'a folder in place of an absolute link',
      duplicate,
      archive(symlink('a', '/etc'), folder('a'), file('a/x')),
    ],
    ['a file below a link to the root', conflict, archive(ok, symlink('l', '.'), file('l/below'))],
    ['a file below a link that comes later', conflict, archive(file('l/below'), symlink('l', 'd'))],
    [
      'a folder, the link in its place, a file through it',
      conflict,
      archive(folder('d'), symlink('d/e', '..'), file('d/e/x')),
    ],
    [
      'a folder twice, spelt otherwise',
      { ok: 'fine', d: '/', 'd/x': 'x' },
      archive(ok, folder('d/'), file('d/x'), folder('./d'), folder('d/.')),
    ],
    ['a folder replaced by a link', duplicate, archive(folder('d'), symlink('d', 'x'), file('d/x'))],
    ['a link replaced by a folder', duplicate, archive(symlink('d', 'x'), folder('d'), file('d/x'))],
    ['a link in place of a folder with a file', conflict, archive(file('d/e/x'), symlink('d/e', '..'))],
    ['a link in place of a file', duplicate, archive(ok, symlink('ok', 'x'))],
    ['a file in place of a link', duplicate, archive(ok, symlink('l', 'ok'), file('l', 'over'))],
    [
      'the same link twice, elsewhere (CVE-2021-37701)',
      duplicate,
      archive(ok, symlink('l', 'ok'), symlink('l/', 'x')),
    ],
    ['a folder below a file', conflict, archive(ok, folder('ok/below'))],
    ['a hard link below a link', conflict, archive(ok, symlink('l', '.'), hardLink('l/h', 'ok'))],
    [
      'a link and a folder spelt otherwise (CVE-2026-33056)',
      duplicate,
      archive(ok, symlink('l', '.'), folder('l/.')),
    ],
  ]),
  ...family('chains of links', [
    [
      'a chain that climbs out',
      { ...form, d1: '/', 'd1/d2': '/', 'd1/d2/up': '-> ../..', l: '-> d1/d2/up/..' },
      archive(ok, symlink('d1/d2/up', '../..'), symlink('l', 'd1/d2/up/..')),
    ],
    [
      'the same chain, the other way round',
      { ...form, d1: '/', 'd1/d2': '/', 'd1/d2/up': '-> ../..', l: '-> d1/d2/up/..' },
      archive(symlink('l', 'd1/d2/up/..'), symlink('d1/d2/up', '../..'), ok),
    ],
    [
      'a link through a link to the root',
      { ...form, r: '-> .', l: '-> r/../x' },
      archive(ok, symlink('r', '.'), symlink('l', 'r/../x')),
    ],
    ['a link to itself', { ...form, l: '-> l' }, archive(ok, symlink('l', 'l'))],
    [
      'two links to each other',
      { ...form, a: '-> b', b: '-> a' },
      archive(ok, symlink('a', 'b'), symlink('b', 'a')),
    ],
    ['a link into itself', { ...form, l: '-> l/x' }, archive(ok, symlink('l', 'l/x'))],
    [
      'a chain of 50',
      { ...form, ...Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`l${i}`, `-> l${i + 1}`])) },
      archive(ok, ...Array.from({ length: 50 }, (_, i) => symlink(`l${i}`, `l${i + 1}`))),
    ],
    [
      'forty links that double at each step',
      {
        ...form,
        l0: '-> .',
        ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`l${i + 1}`, `-> l${i}/l${i}`])),
      },
      archive(
        ok,
        symlink('l0', '.'),
        ...Array.from({ length: 40 }, (_, i) => symlink(`l${i + 1}`, `l${i}/l${i}`)),
      ),
    ],
    [
      'a link to a missing file',
      { ok: 'fine', l: '-> missing/../x' },
      archive(ok, symlink('l', 'missing/../x')),
    ],
  ]),
  ...family('invalid links', [
    ['a link with a zero byte', unsafe, archive(ok, pax({ linkpath: 'a\0b' }), symlink('l', 'y'))],
    ['a link without a target', unsafe, archive(ok, symlink('l', ''))],
    ['a link of 4,096 bytes', unsafe, archive(ok, gnuLong('x/'.repeat(2048), 'K'), symlink('l', 'y'))],
    [
      'a link of 4,095 bytes',
      { ...form, l: `-> ${'/x'.repeat(2047)}/` },
      archive(ok, gnuLong(`${'/x'.repeat(2047)}/`, 'K'), symlink('l', 'y')),
    ],
    [
      'a target that is not UTF-8',
      'source_path_unsafe',
      archive(ok, entry({ path: 'l', type: '2', link: Buffer.from([0x61, 0xff]) })),
    ],
    [
      'a link with content',
      'source_corrupt',
      archive(ok, entry({ path: 'l', type: '2', link: 'ok' }, 'content')),
    ],
    [
      'a hard link with content (CVE-2024-12905)',
      'source_corrupt',
      archive(ok, entry({ path: 'l', type: '1', link: 'ok' }, 'content')),
    ],
    ['a hard link to a later entry', unsafe, archive(hardLink('h', 'ok'), ok)],
    [
      'a hard link to a link, as cp -al and rsync -H make it',
      { ...form, l: '-> ok', h: '-> ok', d: '/', 'd/i': '-> ok' },
      archive(ok, symlink('l', 'ok'), hardLink('h', 'l'), hardLink('d/i', 'h')),
    ],
    ['a hard link to a folder', unsafe, archive(file('d/x'), hardLink('h', 'd'))],
    ['a hard link to itself', unsafe, archive(ok, hardLink('h', 'h'))],
    [
      'a hard link to a hard link, both copies',
      { ok: 'fine', h: 'fine', i: 'fine' },
      archive(ok, hardLink('h', 'ok'), hardLink('i', './h')),
    ],
  ]),
];
