import { describe, expect, test } from 'vitest';
import { buildArgument, label, list, platforms, seconds, whole } from './parse.js';

describe('option values', () => {
  test('build arguments add up, and one without a value comes from the environment', () => {
    const parse = buildArgument({ HOME: '/root', EMPTY: '' });
    expect(parse('B=x=y', parse('A=', parse('HOME')))).toEqual({ HOME: '/root', A: '', B: 'x=y' });
    expect(parse('A=2', parse('A=1'))).toEqual({ A: '2' });
    expect(parse('EMPTY')).toEqual({ EMPTY: '' });
    expect(() => parse('MISSING')).toThrow(/environment variable/);
    expect(() => parse('=x')).toThrow(/NAME=VALUE/);
  });

  test('labels add up and need a name and a value', () => {
    expect(label('b=', label('a=1=2'))).toEqual({ a: '1=2', b: '' });
    for (const text of ['a', '=1', '']) expect(() => label(text)).toThrow(/NAME=VALUE/);
  });

  test('lists add up, and may be written with commas', () => {
    expect(list('c', list('a, b,'))).toEqual(['a', 'b', 'c']);
  });

  test('platforms add up, may be written with commas, and are in normal form', () => {
    expect(platforms('aarch64', platforms('linux/x86_64, linux/386,'))).toEqual([
      'linux/amd64',
      'linux/386',
      'linux/arm64',
    ]);
    expect(() => platforms('linux')).toThrow(/"linux" must be os\/arch/);
    expect(() => platforms('x86-64', platforms('amd64'))).toThrow(/must not name a platform twice/);
  });

  test.each([
    ['90', 90],
    ['90s', 90],
    ['10m', 600],
    ['1h', 3_600],
    ['1h30m', 5_400],
    ['1h1m1s', 3_661],
  ])('%s is a time', (text, expected) => {
    expect(seconds(text)).toBe(expected);
  });

  test.each(['', '0', '0m', '-1', '1.5', '10 m', '1d', 'm', '1m1h'])('%j is no time', (text) => {
    expect(() => seconds(text)).toThrow(/such as/);
  });

  test('whole numbers keep to their bounds', () => {
    const parse = whole({ min: 1, max: 16 });
    expect([parse('1'), parse('16')]).toEqual([1, 16]);
    for (const text of ['0', '17', '1.5', '', ' 1', '1e1', 'x']) expect(() => parse(text)).toThrow(/1 to 16/);
  });
});
