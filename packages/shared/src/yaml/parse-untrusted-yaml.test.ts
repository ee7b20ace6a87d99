import { expect, it } from 'vitest';
import { parseUntrustedYaml } from './index.js';

const bytes = (text: string) => Buffer.from(text);

it('returns the content of a file', () => {
  const levels = Array.from({ length: 90 }, (_, level) => `${' '.repeat(level)}a:`).join('\n');
  expect(parseUntrustedYaml(bytes('a: [1, {b: c}]'))).toEqual({ a: [1, { b: 'c' }] });
  expect(parseUntrustedYaml(bytes('a: 1'), { schema: 'failsafe' })).toEqual({ a: '1' });
  expect(parseUntrustedYaml(bytes(levels))).toMatchObject({ a: { a: { a: {} } } });
  expect(parseUntrustedYaml(bytes(''))).toBeNull();
});

it.each([
  ['lists', `a: ${'['.repeat(16_000)}`],
  ['maps', '{a: '.repeat(4_000)],
  ['lists on one line', '- '.repeat(8_000)],
  ['keys', '? '.repeat(8_000)],
  ['lists and maps in a key', `? ${'[{'.repeat(4_000)}`],
  ['a later document', `a: b\n---\n${'['.repeat(8_000)}`],
  ['blocks', Array.from({ length: 170 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
])('refuses %s that are nested without end, before the parser recurses', (_what, text) => {
  expect(() => parseUntrustedYaml(bytes(text))).toThrow('it is nested more than 100 levels deep');
});

it.each([
  ['text that is not UTF-8', Buffer.from([0x61, 0xff]), 'not valid'],
  ['text that is not YAML', bytes('a: [b'), 'Flow sequence'],
  ['aliases of aliases', bytes('a: &a [x]\nb: [*a, *a]'), 'Excessive alias count'],
])('refuses %s', (_what, content, message) => {
  expect(() => parseUntrustedYaml(content, { maxAliasCount: 1 })).toThrow(message);
});
