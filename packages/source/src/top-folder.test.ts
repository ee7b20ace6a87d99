import { expect, it } from 'vitest';
import { singleTopFolder } from './top-folder.js';

it.each([
  [['fn-1.0', 'fn-1.0/Dockerfile', 'fn-1.0/a', 'fn-1.0/a/b'], 'fn-1.0'],
  [['a/b'], 'a'],
  [['a', 'a/b', 'b'], undefined],
  [['Dockerfile'], undefined],
  [['empty'], undefined],
  [['a/b', 'ab/c'], undefined],
  [[], undefined],
])('of %j it is %s', (paths, expected) => {
  expect(singleTopFolder(paths)).toBe(expected);
});
