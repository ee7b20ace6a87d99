import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterAll, describe, expect, test } from 'vitest';
import { ContextTimes } from '../builds/epoch.js';
import { type Entry, payloadOf, tarOf } from '../testing/payload.js';
import { unpackPayload } from './unpack.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());
let cases = 0;
const modified = new ContextTimes().next();

async function unpack(payload: Buffer, limits = { maxBytes: 1_000_000, maxFiles: 1000 }) {
  const dir = join(folder.path, `case-${cases++}`);
  await mkdir(dir);
  const file = join(dir, 'payload.tar');
  await writeFile(file, payload);
  const context = join(dir, 'context');
  return { context, ...(await unpackPayload({ file, dir: context, limits, modified })) };
}

const dockerfile = { Dockerfile: 'FROM scratch\n' };
const withEntries = (...entries: Entry[]) => payloadOf({ files: dockerfile, entries });

test('unpacks the context, with modes and times that do not depend on who packed it', async () => {
  const { context, config, bytes } = await unpack(
    withEntries(
      { path: './context/run', content: '#!', mode: 0o4711, mtime: new Date() },
      { path: 'context/deep/er/file', content: 'x', mode: 0o600, mtime: new Date(0) },
      { path: 'context/empty/', type: 'Directory', mode: 0o700 },
      { path: 'context/deep/link', type: 'SymbolicLink', linkpath: '../run' },
      { path: 'context/twin', type: 'Link', linkpath: './context/run' },
    ),
  );
  expect(JSON.parse(config.toString())).toEqual({ image: 'x:1' });
  expect(bytes).toBe(13 + 2 + 1 + 2);
  const stat = async (path: string) => {
    const { mode, mtime, nlink } = await lstat(join(context, path));
    return { mode: (mode & 0o7777).toString(8), year: mtime.getUTCFullYear(), nlink };
  };
  expect(await stat('run')).toEqual({ mode: '755', year: 1985, nlink: 1 });
  expect(await stat('twin')).toEqual({ mode: '755', year: 1985, nlink: 1 });
  expect(await stat('deep/er/file')).toEqual({ mode: '644', year: 1985, nlink: 1 });
  for (const path of ['.', 'empty', 'deep', 'deep/er'])
    expect(await stat(path)).toMatchObject({ mode: '755', year: 1985 });
  expect((await stat('deep/link')).year).toBe(1985);
  expect(await readlink(join(context, 'deep/link'))).toBe('../run');
  expect(await readFile(join(context, 'twin'), 'utf8')).toBe('#!');
});

test('the config may come first or last, with or without ./, and what is beside the context is left out', async () => {
  const config = { content: '{"image":"y"}' };
  const context = { path: './context/Dockerfile', content: 'FROM scratch' };
  for (const entries of [
    [
      { path: './com.openfaas.docker.config', ...config },
      { path: './', type: 'Directory' } as const,
      context,
    ],
    [context, { path: 'README', content: 'x' }, { path: 'com.openfaas.docker.config', ...config }],
  ]) {
    const unpacked = await unpack(tarOf(entries));
    expect(unpacked.config.toString()).toBe('{"image":"y"}');
    expect(unpacked.secrets).toBeUndefined();
    expect(await readdir(unpacked.context)).toEqual(['Dockerfile']);
  }
});

test('sealed secrets are read, wherever they stand, and are not among the files', async () => {
  const { context, secrets } = await unpack(
    withEntries({ path: './com.openfaas.secrets', content: 'sealed' }),
  );
  expect(secrets?.toString()).toBe('sealed');
  expect(await readdir(context)).toEqual(['Dockerfile']);
});

test('takes what GNU tar makes of a folder, long and foreign names included', async () => {
  const source = join(folder.path, 'source');
  const long = `${'a'.repeat(90)}/${'b'.repeat(90)}/${'ü'.repeat(60)}`;
  await mkdir(join(source, 'context', long), { recursive: true });
  await writeFile(join(source, 'context/Dockerfile'), 'FROM scratch');
  await writeFile(join(source, 'context', long, 'file'), 'content');
  await writeFile(join(source, 'com.openfaas.docker.config'), '{"image":"y"}');
  await symlink(long, join(source, 'context/link'));
  for (const format of ['gnu', 'posix']) {
    const payload = execFileSync('tar', ['cf', '-', `--format=${format}`, '-C', source, '.']);
    const { context } = await unpack(payload);
    expect(await readFile(join(context, 'link/file'), 'utf8')).toBe('content');
  }
});

test('takes a folder twice', async () => {
  const twice: Entry = { path: 'context/d/', type: 'Directory' };
  const { context } = await unpack(withEntries(twice, { path: 'context/d/x', content: 'x' }, twice));
  expect(await readdir(join(context, 'd'))).toEqual(['x']);
});

test('sparse files of GNU tar have their full size', async () => {
  const source = join(folder.path, 'sparse');
  await mkdir(join(source, 'context'), { recursive: true });
  await writeFile(join(source, 'context/Dockerfile'), 'FROM scratch');
  await writeFile(join(source, 'context/data.img'), 'end');
  await truncate(join(source, 'context/data.img'), 3 * 2 ** 20);
  await writeFile(join(source, 'com.openfaas.docker.config'), '{"image":"y"}');
  for (const format of ['gnu', 'posix']) {
    const payload = execFileSync('tar', ['-cS', `--format=${format}`, '-C', source, '.']);
    expect(payload.length).toBeLessThan(100_000);
    const limits = { maxBytes: 4 * 2 ** 20, maxFiles: 10 };
    const { context } = await unpack(payload, limits);
    const content = await readFile(join(context, 'data.img'));
    expect(content.equals(await readFile(join(source, 'context/data.img')))).toBe(true);
    const tooLarge = unpack(payload, { ...limits, maxBytes: 2 * 2 ** 20 });
    await expect(tooLarge).rejects.toMatchObject({ code: 'source_too_large' });
  }
});

test('links that lead anywhere are text: they are written as they are, and nothing is read or written through them', async () => {
  const links = {
    absolute: '/etc/passwd',
    climbing: '../../../../etc/passwd',
    beside: '../payload.tar',
    dangling: 'nowhere/at/all',
    self: 'self',
    round: 'about',
    about: 'round',
    '.dockerignore': '/etc/passwd',
    '.venv/bin/python': '/usr/bin/python3',
    'node_modules/@acme/lib': '../../../lib',
    longest: `${'/x'.repeat(2047)}/`,
  };
  const before = (await lstat('/etc/passwd')).mtimeMs;
  const entries = Object.entries(links).map(([path, target]) => symlinkOf(`context/${path}`, target));
  // As tar packs what cp -al or rsync -H has copied.
  const hard = Object.keys(links).map(
    (path): Entry => ({ path: `context/hard/${path}`, type: 'Link', linkpath: `context/${path}` }),
  );
  const { context } = await unpack(withEntries(...entries.flat(), ...hard));
  for (const [path, target] of Object.entries(links)) {
    expect(await readlink(join(context, 'hard', path))).toBe(target);
    expect(await readlink(join(context, path))).toBe(target);
  }
  expect((await lstat('/etc/passwd')).mtimeMs).toBe(before);
});

/** A link, with a header of its own for a target that is longer than a hundred bytes. */
const symlinkOf = (path: string, linkpath: string): Entry[] => [
  ...(linkpath.length > 99
    ? [{ path: '././@LongLink', type: 'NextFileHasLongLinkpath' as const, content: `${linkpath}\0` }]
    : []),
  { path, type: 'SymbolicLink', linkpath },
];

describe('refuses', () => {
  const link = (path: string, linkpath: string): Entry => ({ path, type: 'SymbolicLink', linkpath });
  const hostile: [string, string, Entry[]][] = [
    ['an absolute path', 'source_path_unsafe', [{ path: '/context/x', content: 'x' }]],
    ['a path that climbs', 'source_path_unsafe', [{ path: 'context/../../x', content: 'x' }]],
    ['a path that climbs and comes back', 'source_path_unsafe', [{ path: 'context/a/../b', content: 'x' }]],
    ['a link without a target', 'source_link_unsafe', [link('context/a', '')]],
    [
      'a file through an absolute link',
      'source_path_conflict',
      [link('context/a', folder.path), { path: 'context/a/x', content: 'x' }],
    ],
    [
      'a file through a link that climbs',
      'source_path_conflict',
      [link('context/a', '../..'), { path: 'context/a/x', content: 'x' }],
    ],
    [
      'a folder through a chain of links',
      'source_path_conflict',
      [link('context/a', 'b'), link('context/b', '../..'), { path: 'context/a/x/', type: 'Directory' }],
    ],
    [
      'a hard link through an absolute link',
      'source_link_unsafe',
      [link('context/a', '/etc'), { path: 'context/h', type: 'Link', linkpath: 'context/a/passwd' }],
    ],
    [
      'a hard link to a link that comes later',
      'source_link_unsafe',
      [{ path: 'context/h', type: 'Link', linkpath: 'context/a' }, link('context/a', '/etc/passwd')],
    ],
    [
      'a link in place of a file',
      'source_path_duplicate',
      [{ path: 'context/a', content: 'x' }, link('context/a', '/etc/passwd')],
    ],
    [
      'a file in place of a link',
      'source_path_duplicate',
      [link('context/a', join(folder.path, 'x')), { path: 'context/a', content: 'x' }],
    ],
    [
      'a file through a link',
      'source_path_conflict',
      [link('context/a', 'd'), { path: 'context/a/x', content: 'x' }],
    ],
    ['a file below a file', 'source_path_conflict', [{ path: 'context/Dockerfile/x', content: 'x' }]],
    [
      'a folder in place of a link',
      'source_path_duplicate',
      [link('context/a', 'd'), { path: 'context/a/', type: 'Directory' }],
    ],
    ['a path twice', 'source_path_duplicate', [{ path: './context//Dockerfile', content: 'FROM evil' }]],
    [
      'a hard link to nothing',
      'source_link_unsafe',
      [{ path: 'context/a', type: 'Link', linkpath: 'context/b' }],
    ],
    [
      'a hard link that leaves',
      'source_link_unsafe',
      [{ path: 'context/a', type: 'Link', linkpath: '../x' }],
    ],
    [
      'a hard link to the config',
      'source_link_unsafe',
      [{ path: 'context/a', type: 'Link', linkpath: 'com.openfaas.docker.config' }],
    ],
    [
      'a device',
      'source_entry_unsupported',
      [{ path: 'context/a', type: 'CharacterDevice', devmaj: 1, devmin: 3 }],
    ],
    ['a pipe', 'source_entry_unsupported', [{ path: 'context/a', type: 'FIFO' }]],
    ['a context that is a link', 'source_path_conflict', [link('context', '/etc')]],
    ['a second config', 'source_path_duplicate', [{ path: './com.openfaas.docker.config', content: '{}' }]],
    [
      'sealed secrets of too many bytes',
      'request_invalid',
      [{ path: 'com.openfaas.secrets', content: 'x'.repeat(1024 * 1024 + 1) }],
    ],
    [
      'sealed secrets twice',
      'source_path_duplicate',
      [
        { path: 'com.openfaas.secrets', content: 'x' },
        { path: './com.openfaas.secrets', content: 'y' },
      ],
    ],
    [
      'sealed secrets that are a link',
      'request_invalid',
      [{ path: 'com.openfaas.secrets', type: 'SymbolicLink', linkpath: 'x' }],
    ],
    ['a name that is too long', 'source_path_unsafe', [{ path: `context/${'x'.repeat(256)}`, content: 'x' }]],
  ];

  test.each(hostile)('%s', async (_what, code, entries) => {
    // Names beyond a header's hundred bytes need a header of their own, which GNU's way of writing is.
    const long = entries.flatMap((entry) =>
      entry.path.length > 99
        ? [{ path: '././@LongLink', type: 'NextFileHasLongPath' as const, content: `${entry.path}\0` }, entry]
        : [entry],
    );
    await expect(unpack(withEntries(...long))).rejects.toMatchObject({ code });
    expect(existsSync(join(folder.path, 'x'))).toBe(false);
  });

  test('too many entries, in the context or beside it', async () => {
    const many = (at: string) => Array.from({ length: 200 }, (_, n) => ({ path: `${at}${n}`, content: '' }));
    for (const at of ['context/', 'context/d/e/', 'beside']) {
      const limits = { maxBytes: 1000, maxFiles: 50 };
      await expect(unpack(withEntries(...many(at)), limits)).rejects.toMatchObject({
        code: 'source_too_many_files',
      });
    }
  });

  test('too many bytes, of copies too', async () => {
    const limits = { maxBytes: 1000, maxFiles: 50 };
    const big = { path: 'context/a', content: Buffer.alloc(600) };
    const copy: Entry = { path: 'context/b', type: 'Link', linkpath: 'context/a' };
    await expect(unpack(withEntries(big, copy), limits)).rejects.toMatchObject({ code: 'source_too_large' });
  });

  test('an empty context', async () => {
    await expect(unpack(payloadOf({ files: {} }))).rejects.toMatchObject({ code: 'source_empty' });
  });

  test('no config', async () => {
    const payload = tarOf([{ path: 'context/Dockerfile', content: 'x' }]);
    await expect(unpack(payload)).rejects.toMatchObject({ code: 'request_invalid' });
  });

  test('what is no tar, is compressed, or was cut', async () => {
    const payload = withEntries({ path: 'context/a', content: Buffer.alloc(5000, 'x') });
    const gzip = execFileSync('gzip', { input: payload });
    for (const broken of [
      Buffer.alloc(0),
      Buffer.from('hello'),
      Buffer.alloc(2000, 'x'),
      gzip,
      payload.subarray(0, 5000),
    ]) {
      await expect(unpack(broken)).rejects.toMatchObject({ code: 'source_corrupt' });
    }
  });
});
