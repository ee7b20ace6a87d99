import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createScreen } from './terminal.js';
import { shown, table, width } from './text.js';

const red = '\u001b[31mred\u001b[39m';

describe('a screen', () => {
  const styled = (isTTY: boolean, env: Record<string, string>) =>
    createScreen({ isTTY, write: () => true }, env).style('red', 'red');

  test.each<[string, boolean, Record<string, string>, string]>([
    ['a terminal', true, {}, red],
    ['a file', false, {}, 'red'],
    ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, 'red'],
    ['a terminal with NO_COLOR set to nothing', true, { NO_COLOR: '' }, red],
    ['a dumb terminal', true, { TERM: 'dumb' }, 'red'],
    ['a file with FORCE_COLOR', false, { FORCE_COLOR: '1' }, red],
    ['a terminal with FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, 'red'],
    ['a file with both', false, { FORCE_COLOR: '1', NO_COLOR: '1' }, 'red'],
  ])('%s', (_what, isTTY, env, expected) => {
    expect(styled(isTTY, env)).toBe(expected);
  });
});

test('a screen shows invisible characters, in lines and in written text', () => {
  const written: string[] = [];
  const screen = createScreen({ write: (text) => written.push(text) }, {});
  screen.line('a\u202eb');
  screen.write('c\u200bd');
  screen.line(JSON.stringify({ detail: '\u2067x' }));
  expect(written).toEqual(['a\\u202eb\n', 'c\\u200bd', '{"detail":"\\u2067x"}\n']);
});

describe('text from a build', () => {
  test('keeps colours and tabs, and ends them with the line', () => {
    expect(shown(`\t${red} x`)).toBe(`\t${red} x\u001b[0m`);
  });

  test.each([
    ['a cursor that moves', 'a\u001b[2J\u001b[1;1Hb'],
    ['a title', 'a\u001b]0;owned\u0007b'],
    ['a title that is not ended by a bell', 'a\u001b]0;owned\u001b\\b'],
    ['a link', 'a\u001b]8;;http://x\u001b\\b'],
    ['a carriage return', 'a\rb'],
    ['a backspace', 'a\bb'],
    ['a reset', 'a\u001bcb'],
    ['another character set', 'a\u001b(0b'],
    ['a one-byte control', 'a\u009bb'],
    ['a line separator', 'a\u2028b'],
  ])('loses %s', (_what, text) => {
    expect(shown(text)).toBe('ab');
  });

  test('never contains control sequences other than colours and tabs', () => {
    const parts = fc.constantFrom(
      '\u001b',
      '[',
      ']',
      '2',
      ';',
      'm',
      'J',
      '\u0007',
      '\\',
      'a',
      '\n',
      '\u009b',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 30 }), (found) => {
        const rest = shown(found.join('')).split('\u001b');
        expect(rest.slice(1).every((part) => /^\[[0-9;]*m/.test(part))).toBe(true);
        for (const control of ['\n', '\u0007', '\u009b']) expect(rest.join('')).not.toContain(control);
      }),
    );
  });
});

test('columns are as wide as their widest cell, without styles', () => {
  const rows = table([
    ['A', 'BB', 'C'],
    ['1', red, 'x'],
    ['22', 'b', ''],
  ]);
  expect(rows).toEqual(['A   BB   C', `1   ${red}  x`, '22  b']);
  expect(width(red)).toBe(3);
});
