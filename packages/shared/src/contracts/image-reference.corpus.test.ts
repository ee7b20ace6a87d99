import { describe, expect, it } from 'vitest';
import { parseImageReference } from './image-reference.js';

const sha256 = `sha256:${'0123456789abcdef'.repeat(4)}`;
const long = (length: number) => 'a'.repeat(length);

/** References that the grammar of the distribution project's `reference` package accepts. */
const accepted: readonly (readonly [name: string, references: readonly string[]])[] = [
  ['a path of one component or more', ['a', '0', 'a0', 'a/b', 'a/b/c/d/e/f/g', 'library/alpine', '1/2/3']],
  [
    'separators within a component',
    ['a.b', 'a_b', 'a__b', 'a-b', 'a--b', 'a-----b', 'a.b_c__d-e', 'a/b.c/d__e'],
  ],
  [
    'a domain',
    [
      'a.b/c',
      'A.B/c',
      'a-b.c/d',
      'a.b.c.d.e/f',
      'xn--n3h.com/x',
      'localhost/x',
      'EXAMPLE/x',
      '1.2.3.4/x',
      '999.999.999.999/x',
      'x.y.z/a/b/c',
    ],
  ],
  ['a port', ['localhost:5000/x', 'a:1/x', 'a.b:0/x', 'a.b:65536/x', '1.2.3.4:443/x', 'a.b:5000/x:5000']],
  [
    'an IPv6 address',
    ['[::1]/x', '[::1]:5000/x', '[2001:db8::1]/x:1', '[2001:DB8:0:0:0:0:0:1]:443/a/b', '[fe80::1]/x'],
  ],
  [
    'a tag',
    [
      'a:1',
      'a:latest',
      'a:A',
      'a:_',
      'a:_x',
      'a:1.0-rc.1',
      'a:v1_2',
      `a:${'t'.repeat(128)}`,
      'a/b:1',
      'a.b:80/c:1',
    ],
  ],
  [
    'a digest',
    [
      `a@${sha256}`,
      `a:1@${sha256}`,
      `a.b:80/c/d:1@${sha256}`,
      `a@sha384:${'0'.repeat(96)}`,
      `a@sha512:${'f'.repeat(128)}`,
    ],
  ],
  ['all of 255 characters', [long(255), `a.b/${long(251)}`, `${'a/'.repeat(127)}a`]],
  [
    'texts that only look like an image id',
    [`${'0'.repeat(63)}`, `${'0'.repeat(65)}`, `a.b/${'0'.repeat(64)}`, `a/${'0'.repeat(64)}`],
  ],
];

/** References that the grammar refuses. */
const refused: readonly (readonly [name: string, references: readonly string[]])[] = [
  ['empty texts, and empty parts', ['', ' ', ' a', 'a ', '\ta', 'a\n', '\na', 'a\r\n', '\ufeffa', 'a\u00a0']],
  ['upper case in the path', ['A', 'aB', 'a/B', 'a.b/C', 'Repo:1', `A@${sha256}`]],
  [
    'separators at an end or doubled',
    [
      '-a',
      'a-',
      '.a',
      'a.',
      '_a',
      'a_',
      'a..b',
      'a___b',
      'a._b',
      'a-_b',
      'a.-b',
      'a/-b',
      'a/b.',
      'a/_b',
      '__a',
    ],
  ],
  ['empty components', ['/', '/a', 'a/', 'a//b', '//a', 'a.b//c', 'a.b/', '///']],
  ['paths that climb', ['.', '..', '../a', './a', 'a/../b', 'a/./b', 'a.b/..', 'a/..', '..:1']],
  [
    'invalid domains',
    [
      '-a.b/c',
      'a-.b/c',
      'a_b.C/d',
      'a..b/C',
      '.a.b/c',
      'a.b./C',
      'a b.c/d',
      'é.com/x',
      '例え.jp/x',
      'user@a.b/c',
      'a.b\\c',
    ],
  ],
  ['invalid ports', ['a.b:/c', 'a.b:x/c', 'a.b:-1/c', 'a.b:80:80/c', 'a.b:8 0/c', 'a.b:0x50/c', ':80/c']],
  [
    'invalid IPv6 addresses',
    [
      '[::1',
      '::1/x',
      '[::1]x/y',
      '[]/x',
      '[::g]/x',
      '[fe80::1%eth0]/x',
      '[fe80::1%25eth0]/x',
      '[::1]:x/y',
      '[::1]',
    ],
  ],
  [
    'invalid tags',
    [
      'a:',
      'a:-x',
      'a:.x',
      'a:+',
      'a:x+y',
      'a:x/y/Z:',
      'a:x y',
      'a:é',
      'a:1:2',
      'a:\u0661',
      `a:${'t'.repeat(129)}`,
      'a:$(id)',
      'a:`id`',
    ],
  ],
  [
    'invalid digests',
    [
      'a@',
      'a@sha256',
      'a@sha256:',
      'a@sha256:0',
      `a@${sha256.slice(0, -1)}`,
      `a@${sha256}0`,
      `a@${sha256.toUpperCase()}`,
      `a@sha256:${'A'.repeat(64)}`,
      `a@sha256:${'g'.repeat(64)}`,
      `a@md5:${'0'.repeat(32)}`,
      `a@sha1:${'0'.repeat(40)}`,
      `a@x+y:${'0'.repeat(64)}`,
      `a@${sha256}@${sha256}`,
      `a@${sha256}:1`,
      `@${sha256}`,
    ],
  ],
  ['image ids', ['0'.repeat(64), 'f'.repeat(64), `${'a1'.repeat(32)}:1`]],
  [
    'addresses',
    [
      'http://a/b',
      'https://a.b/c:1',
      'docker://a',

      'docker.io/a?b',
      'a#b',
      'a.b/c%2fd',
      'a&b',
      'file:///etc/passwd',
    ],
  ],
  [
    'characters of shells, options and headers',
    [
      '--help',
      '-o=/etc/passwd',
      'a;id',
      'a|id',
      'a$HOME',
      'a\0b',
      'a\u001b[31m',
      'a,b',
      'a=b',
      'type=image,name=x',
      'a"b',
      "a'b",
      'a\r\nX-Injected: 1',
      'a*',
      'a\u202eb',
      'ａ',
      'ⓐ',
      'ſ',
      'K',
    ],
  ],
  [
    'texts that are too long',
    [
      long(256),
      `a.b/${long(252)}`,
      `${'a/'.repeat(128)}a`,
      `${long(256)}:1`,
      `a:1${' '.repeat(5_000)}`,
      'a-'.repeat(100_000),
      `${'a.'.repeat(100_000)}/`,
      `[${':'.repeat(100_000)}`,
    ],
  ],
];

const each = (lists: typeof accepted) =>
  lists.flatMap(([name, texts]) => texts.map((text) => [name, text] as const));

describe('the corpus of image references', () => {
  it.each(each(accepted))('%s: %j is valid', (_name, text) => {
    const reference = parseImageReference(text);
    expect(reference).toBeDefined();
    const { domain, path, tag, digest } = reference as NonNullable<typeof reference>;
    const again = `${domain && `${domain}/`}${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
    expect(again).toBe(text);
  });

  it.each(each(refused))('%s: %j is invalid', (_name, text) => {
    expect(parseImageReference(text)).toBeUndefined();
  });
});
