import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseAnsi, withoutControls } from './ansi.js';

const esc = '\x1b[';
const spans = (text: string) => parseAnsi(text).spans;

it.each([
  ['plain', [{ text: 'plain', style: {} }]],
  [
    `${esc}31mred${esc}0m not`,
    [
      { text: 'red', style: { fg: 1 } },
      { text: ' not', style: {} },
    ],
  ],
  [`${esc}1;92mgood${esc}22m`, [{ text: 'good', style: { bold: true, fg: 10 } }]],
  [`${esc}mall off`, [{ text: 'all off', style: {} }]],
  [`${esc}38;5;208morange`, [{ text: 'orange', style: { fg: '#ff8700' } }]],
  [`${esc}38;5;3mnamed`, [{ text: 'named', style: { fg: 3 } }]],
  [`${esc}48;5;244mgrey`, [{ text: 'grey', style: { bg: '#808080' } }]],
  [`${esc}38;2;1;2;255mown${esc}39m`, [{ text: 'own', style: { fg: '#0102ff' } }]],
  [`${esc}38;2;1;2;999;4mout`, [{ text: 'out', style: { underline: true } }]],
  [`${esc}7;101mback${esc}27;49m`, [{ text: 'back', style: { inverse: true, bg: 9 } }]],
  [`a${esc}2Kb${esc}10;5Hc${esc}?25hd`, ['a', 'b', 'c', 'd'].map((text) => ({ text, style: {} }))],
  ['\x1b]8;;https://x.example\x07link\x1b]8;;\x1b\\', [{ text: 'link', style: {} }]],
  ['\x1b]0;never ends', []],
  ['bell\x07, tab\t, cut off\x1b', ['bell', ', tab\t, cut off'].map((text) => ({ text, style: {} }))],
])('%j is shown as %j', (text, expected) => {
  expect(spans(text)).toEqual(expected);
});

it('shows invisible characters', () => {
  expect(parseAnsi('a\u202eb').spans).toEqual([{ text: 'a\\u202eb', style: {} }]);
});

it('continues the style that an earlier line switched on', () => {
  const { end } = parseAnsi(`${esc}1;33mwarning`);
  expect(end).toEqual({ bold: true, fg: 3 });
  expect(parseAnsi('goes on', end).spans).toEqual([{ text: 'goes on', style: end }]);
});

it('shows the same text that is searched, without control characters, for any input', () => {
  const piece = fc.constantFrom(
    '\x1b',
    '[',
    ']',
    ';',
    '3',
    '38',
    '5',
    'm',
    'K',
    '\x07',
    '\\',
    '<b>',
    ' ',
    '\x9b',
    'ü',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join('');
      const shown = spans(text)
        .map((span) => span.text)
        .join('');
      expect(shown).toBe(withoutControls(text));
      expect([...shown].some((letter) => letter < ' ' || (letter >= '\x7f' && letter < '\xa0'))).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});
