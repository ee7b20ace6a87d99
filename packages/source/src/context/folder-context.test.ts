import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { insideContext } from './context-files.js';
import { folderContext } from './folder-context.js';

const folder = { path: await mkdtemp(join(tmpdir(), 'slipway-inside-')) };
afterAll(() => rm(folder.path, { recursive: true }));
const dir = join(folder.path, 'context');
await mkdir(join(dir, 'a/b'), { recursive: true });
await writeFile(join(folder.path, 'beside'), 'x');
await writeFile(join(dir, 'a/file'), 'x');
const context = folderContext(dir);
const links = {
  relative: 'a/file',
  absolute: '/a/file',
  climbing: '../../a/file',
  'a/b/up': '../..',
  chain: 'a/b/up/relative',
  machine: '/etc/passwd',
  beside: '../beside',
  self: 'self',
  round: 'about',
  about: 'round',
  gone: 'nowhere',
};
for (const [path, target] of Object.entries(links)) await symlink(target, join(dir, path));

test.each([
  ['a/file', 'a/file'],
  ['./a//b/../file', 'a/file'],
  ['relative', 'a/file'],
  ['absolute', 'a/file'],
  ['climbing', 'a/file'],
  ['chain', 'a/file'],
  ['a/b/up/a', 'a'],
  ['../../a', 'a'],
])('%s leads to %s', async (path, expected) => {
  expect(await insideContext(context, path)).toBe(expected);
});

test.each(['machine', 'beside', 'self', 'round', 'gone', 'nothing', 'a/file/below', 'self/x'])(
  '%s resolves to nothing',
  async (path) => {
    expect(await insideContext(context, path)).toBeUndefined();
  },
);

test('a chain of forty links resolves, one of forty-one does not', async () => {
  await symlink('a', join(dir, 'l0'));
  for (let n = 1; n <= 40; n++) await symlink(`l${n - 1}`, join(dir, `l${n}`));
  expect(await insideContext(context, 'l39')).toBe('a');
  expect(await insideContext(context, 'l40')).toBeUndefined();
});
