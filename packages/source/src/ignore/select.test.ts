import { expect, test } from 'vitest';
import { type ContextSelection, selectPaths } from './select.js';

const links: Readonly<Record<string, string>> = {
  current: 'releases/2',
  'releases/latest': '/releases/1/app',
  loop: 'loop',
  out: '../../app',
};
const paths = [
  ...['Dockerfile', 'app', 'app/a.js', 'app/deep', 'app/deep/b.js', 'app/deep/c.txt', 'current', 'loop'],
  ...['out', 'releases', 'releases/1', 'releases/1/app', 'releases/2', 'releases/2/app', 'releases/latest'],
];

const select = (selection: Partial<ContextSelection>) =>
  selectPaths({
    paths,
    linkOf: (path) => links[path],
    selection: { include: [], exclude: [], follow: [], ...selection },
  });

test('without patterns everything is selected', async () => {
  expect(await select({})).toEqual(paths);
  expect(await select({ follow: ['.'] })).toEqual(paths);
  expect(await select({ follow: ['/'] })).toEqual(paths);
});

test('an included path brings its folders and its content', async () => {
  expect(await select({ include: ['app/deep'] })).toEqual([
    'app',
    'app/deep',
    'app/deep/b.js',
    'app/deep/c.txt',
  ]);
  expect(await select({ include: ['**/*.txt'] })).toEqual(['app', 'app/deep', 'app/deep/c.txt']);
  expect(await select({ include: ['missing'] })).toEqual([]);
});

test('an exception brings back a file below an excluded folder', async () => {
  const selected = await select({ exclude: ['app', '!app/deep/b.js', 'releases', '!**/missing'] });
  expect(selected).toEqual(['Dockerfile', 'app', 'app/deep', 'app/deep/b.js', 'current', 'loop', 'out']);
});

test('what is excluded is not included', async () => {
  expect(await select({ include: ['app'], exclude: ['**/*.js'] })).toEqual([
    'app',
    'app/deep',
    'app/deep/c.txt',
  ]);
});

test.each([
  ['current/app', ['current', 'releases', 'releases/2', 'releases/2/app']],
  ['releases/latest', ['releases', 'releases/1', 'releases/1/app', 'releases/latest']],
  ['releases/l*', ['releases', 'releases/1', 'releases/1/app', 'releases/latest']],
  ['loop', ['loop']],
  ['out', ['app', 'app/a.js', 'app/deep', 'app/deep/b.js', 'app/deep/c.txt', 'out']],
  ['../Dockerfile', ['Dockerfile']],
])('links on the way to %s are followed within the context', async (path, expected) => {
  expect(await select({ follow: [path] })).toEqual(expected);
});

test('a pattern that cannot be read is refused', async () => {
  await expect(select({ include: ['[a'] })).rejects.toThrow();
  await expect(select({ follow: ['[a'] })).rejects.toThrow();
});
