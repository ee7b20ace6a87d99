import { expect, it } from 'vitest';
import { visible } from './visible.js';

it.each([
  ['\u202a', '\u202b', '\u202c', '\u202d', '\u202e'],
  ['\u2066', '\u2067', '\u2068', '\u2069'],
  ['\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u061c', '\u00ad', '\ufeff', '\u2028'],
])('escapes invisible characters', (...characters) => {
  for (const character of characters) {
    const escaped = `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    expect(visible(`a${character}b`)).toBe(`a${escaped}b`);
  }
});

it('leaves all other text alone, and JSON the same value', () => {
  for (const text of ['plain', 'ü 日本 🙂', 'שלום', '\u001b[31mred\u001b[0m\ttab'])
    expect(visible(text)).toBe(text);
  const value = { detail: 'pay\u202eexe.txt \u{e0041}' };
  expect(visible(JSON.stringify(value))).toBe('{"detail":"pay\\u202eexe.txt \\udb40\\udc41"}');
  expect(JSON.parse(visible(JSON.stringify(value)))).toEqual(value);
});
