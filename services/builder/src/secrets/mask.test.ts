import { SecretBytes } from '@slipway/shared/sealing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SecretMask } from './mask.js';

const masked = (text: string, ...secrets: string[]) =>
  new SecretMask(secrets.map((secret) => new SecretBytes(Buffer.from(secret)))).apply(text);

test('replaces whole values, the longer first, as often as they occur', () => {
  expect(masked('a hunter2hunter b hunter2hunter', 'hunter2hunter')).toBe('a *** b ***');
  expect(masked('x 12345678abc y 12345678 z', '12345678', '12345678abc')).toBe('x *** y *** z');
});

test('does not count white space around a value, and takes each line by itself', () => {
  expect(masked('got hunter2hunter!', 'hunter2hunter\n')).toBe('got ***!');
  const key = '-----BEGIN KEY-----\r\nAAAABBBBCCCC\r\n  DDDDEEEEFFFF\r\n}\r\n';
  expect(masked('l: DDDDEEEEFFFF }', key)).toBe('l: *** }');
});

test('leaves short values, and everything else, as they are', () => {
  expect(masked('true is not short', 'true', 'short')).toBe('true is not short');
  expect(masked('nothing')).toBe('nothing');
  expect(masked('hunter2', 'hunter2hunter')).toBe('hunter2');
});

test('knows the beginning of a value where a long line was cut', () => {
  expect(masked('v hunter2hu…', 'hunter2hunter')).toBe('v ***…');
  expect(masked('v hunter…', 'hunter2hunter')).toBe('v hunter…');
});

test('whatever is around a value, it is not in the text any more', () => {
  const value = fc
    .string({ minLength: 8 })
    .filter((text) => text.trim().length >= 8 && !/[\r\n*]/.test(text));
  fc.assert(
    fc.property(value, fc.string(), fc.string(), (secret, before, after) => {
      expect(masked(`${before}${secret}${after}`, secret)).not.toContain(secret.trim());
    }),
  );
});
