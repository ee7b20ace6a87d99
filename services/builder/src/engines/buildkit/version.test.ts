import { expect, test } from 'vitest';
import { isRecentEnough } from './version.js';

test.each([
  ['v0.31.1', true],
  ['v0.31.2', true],
  ['v0.34.0-rc1', true],
  ['v1.0.0', true],
  ['v0.31.0', false],
  ['v0.9.99', false],
  ['v0.0.0+unknown', undefined],
  ['', undefined],
])('%s: %s', (output, expected) => {
  expect(isRecentEnough(output)).toBe(expected);
});
