import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayShow, shownValue } from './shown-value.js';

describe('a wrong value in an error', () => {
  test.each([
    ['Foo Bar', '"Foo Bar"'],
    ['', '""'],
    ['a"b\\c\n', '"a\\"b\\\\c\\n"'],
    ['\u001b[31mred\u202e', '"\\u001b[31mred\\u202e"'],
    ['r.example/a:1@sha256:00', '"r.example/a:1@sha256:00"'],
    ['naïve/ü', '"naïve/ü"'],
    [5, '5'],
    [true, 'true'],
    [null, undefined],
    [undefined, undefined],
    [{ a: 1 }, undefined],
    [['a'], undefined],
  ])('%j is shown as %s', (value, text) => {
    expect(shownValue(value)).toBe(text);
  });

  test('is cut at 200 characters', () => {
    expect(shownValue('x'.repeat(5_000))).toBe(`"${'x'.repeat(200)}…"`);
    expect(shownValue('😀'.repeat(201))).toBe(`"${'😀'.repeat(200)}…"`);
  });

  test.each([
    'https://user:hunter2@h/x',
    'https://hunter2@h/x.git',
    'https://h/x?token=hunter2',
    'https://h/x#hunter2',
    'https:/user:hunter2@h/x',
    'http://a@user:hunter2@h/',
    'https://user:hunt/hunter2@h/x',
    'ssh://git:hunter2@h/x',
    'user:hunter2@registry.example/x',
    'user:hunter2@registry.example/x@y',
  ])('has no credentials: %s', (value) => {
    expect(shownValue(value)).not.toContain('hunter2');
    expect(shownValue(value)).toContain('***');
  });

  test('is always short and printable', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (value) => {
        const shown = shownValue(value) ?? '';
        expect(Array.from(shown).length).toBeLessThanOrEqual(6 * 202);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
    );
  });

  test.each([
    [['callback', 'secret'], false],
    [['secrets'], false],
    [['build_args', 'TOKEN'], false],
    [['source', 'files', 'Dockerfile'], false],
    [['format', 'token'], false],
    [['tokens', 0, 'sha256'], false],
    [['image'], true],
    [['platforms', 0], true],
    [['source', 'git', 'ref'], true],
    [['labels', 'a'], true],
  ])('of the field %j may be shown: %s', (path, may) => {
    expect(mayShow(path)).toBe(may);
  });
});
