import { expect, test } from 'vitest';
import { isRecentEnough } from './version.js';

test.each([
  ['buildctl github.com/moby/buildkit v0.31.1 abcdef', true],
  ['buildctl github.com/moby/buildkit v0.31.2', true],
  ['buildctl github.com/moby/buildkit v0.34.0-rc1', true],
  ['buildctl github.com/moby/buildkit v1.0.0', true],
  ['buildctl github.com/moby/buildkit v0.31.0', false],
  ['buildctl github.com/moby/buildkit v0.9.99', false],
  ['buildctl github.com/moby/buildkit v0.0.0+unknown ', undefined],
  ['buildctl', undefined],
])('%s: %s', (output, expected) => {
  expect(isRecentEnough(output)).toBe(expected);
});
