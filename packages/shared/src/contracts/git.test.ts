import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gitSchema } from './git.js';

const takes = (ref: string) => gitSchema.safeParse({ url: 'https://h/x', ref }).success;
const gitTakes = (ref: string) =>
  spawnSync('git', ['check-ref-format', '--allow-onelevel', ref], { stdio: 'ignore' }).status === 0;

describe('a ref', () => {
  test.each([
    ...[
      'main',
      'v1.0',
      'feature/x',
      'refs/heads/x',
      'refs/tags/x',
      'refs/pull/7/head',
      'naïve/ü',
      '日本',
      '😀',
    ],
    ...[
      'fix/#12',
      'a@b',
      '@a',
      'a@',
      '100%',
      'a/-b',
      'x.lockx',
      'a{b}',
      'x,y;z&=!$()<>|"\'`',
      'HEAD',
      'a\u2028b',
    ],
  ])('is %j', (ref) => {
    expect([takes(ref), gitTakes(ref)]).toEqual([true, true]);
  });

  test.each([
    ...[
      '',
      '@',
      '/',
      '/a',
      'a/',
      'a//b',
      '.a',
      'a/.b',
      'a.',
      'a.lock',
      'a.lock/b',
      'a..b',
      'a@{1}',
      '\u2028..b',
    ],
    ...[
      'a b',
      'a~1',
      'a^',
      'a:b',
      'a?',
      'a*',
      'a[b',
      'a\\b',
      'a\tb',
      'a\nb',
      'a\u007fb',
      'a\u0001',
      'ü/.x',
      'a/..',
    ],
  ])('is not %j', (ref) => {
    expect([takes(ref), gitTakes(ref)]).toEqual([false, false]);
  });

  test.each(['-x', '--upload-pack=x', 'a\0b', 'x'.repeat(256)])('is not %j here', (ref) => {
    expect(takes(ref)).toBe(false);
  });

  test('follows the rules of git', () => {
    const odd = fc.constantFrom(
      ...[
        '.',
        '..',
        '/',
        '//',
        '@',
        '@{',
        '.lock',
        '-',
        ' ',
        '~',
        '^',
        ':',
        '?',
        '*',
        '[',
        '\\',
        '\u007f',
        'ü',
        'a',
        '\u2028',
        '\n',
      ],
    );
    const ref = fc
      .array(fc.oneof(odd, fc.string({ unit: 'grapheme', maxLength: 2 })), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join(''))
      .filter((text) => text.length <= 255 && !text.startsWith('-') && !text.includes('\0'));
    fc.assert(
      fc.property(ref, (text) => {
        expect(takes(text)).toBe(gitTakes(text));
      }),
      { numRuns: 80 },
    );
  });
});

describe('a path', () => {
  const parse = (path: string) => gitSchema.safeParse({ url: 'https://h/x', path });

  test.each([
    ['a', 'a'],
    ['a/b', 'a/b'],
    ['.', undefined],
    ['./', undefined],
    ['/', undefined],
    ['./x', 'x'],
    ['/x', 'x'],
    ['x/', 'x'],
    ['x//y', 'x/y'],
    ['/./x/./y//', 'x/y'],
    ['.x/..y/z..', '.x/..y/z..'],
    ['ü/ b', 'ü/ b'],
  ])('%j is %j', (path, normal) => {
    expect(parse(path).data?.path).toBe(normal);
  });

  test.each(['', '..', '../x', 'a/..', 'a/../b', '/..', './../x', 'a\\b', 'a\0b', '\u2028/../x'])(
    'is not %j',
    (path) => {
      expect(parse(path).success).toBe(false);
    },
  );

  test('never leaves the folder', () => {
    const segment = fc.constantFrom('.', '..', '', 'a', '...', '.a');
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
        const path = parse(segments.join('/')).data?.path;
        if (path !== undefined) expect(path.split('/')).not.toContain('..');
      }),
    );
  });
});
