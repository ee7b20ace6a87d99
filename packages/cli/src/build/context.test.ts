import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { temporaryFolder } from '@slipway/local';
import { list, type ReadEntry } from 'tar';
import { afterAll, describe, expect, test } from 'vitest';
import { CommandError } from '../command-error.js';
import { readContext } from './context.js';
import { packContext } from './pack.js';

const folders: { remove(): Promise<void> }[] = [];
afterAll(() => Promise.all(folders.map((folder) => folder.remove())));

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  folders.push(folder);
  for (const [path, text] of Object.entries({ Dockerfile: 'FROM scratch\n', ...files })) {
    mkdirSync(dirname(join(folder.path, path)), { recursive: true });
    writeFileSync(join(folder.path, path), text);
  }
  return folder.path;
}

const pathsOf = async (folder: string) => (await readContext(folder)).paths;

/** Returns the entries of the packed context, as a tar reader sees them. */
async function entriesOf(folder: string) {
  const archive = await buffer(packContext(await readContext(folder)));
  const entries: ReadEntry[] = [];
  const parser = list({ onReadEntry: (entry) => entries.push(entry) });
  parser.end(archive);
  return entries;
}

describe('a build context', () => {
  test('holds all files and folders, sorted', async () => {
    const folder = await folderWith({ 'b/2.txt': 'two', 'b/10.txt': '10', 'a.txt': 'a', '.hidden': 'h' });
    mkdirSync(join(folder, 'empty'));
    expect(await readContext(folder)).toEqual({
      ...{ folder, dockerfile: 'Dockerfile' },
      paths: ['.hidden', 'Dockerfile', 'a.txt', 'b', 'b/10.txt', 'b/2.txt', 'empty'],
      files: 5,
      bytes: 1 + 13 + 1 + 2 + 3,
      leftOut: [],
    });
  });

  test.each<[string, string[]]>([
    ['', ['a.txt', 'node_modules', 'node_modules/x', 'node_modules/x/i.js', 'src', 'src/b.md', 'src/c.js']],
    ['node_modules\n*.txt', ['src', 'src/b.md', 'src/c.js']],
    ['# a comment\n\n**/*.md\nnode_modules/', ['a.txt', 'src', 'src/c.js']],
    ['*\n!src/*.js', ['src', 'src/c.js']],
    ['/src\nnode_modules/**', ['a.txt', 'node_modules']],
    [
      'node_modules/*\n!node_modules/x/i.js\nsrc\na.txt',
      ['node_modules', 'node_modules/x', 'node_modules/x/i.js'],
    ],
  ])('leaves out the files that .dockerignore names: %j', async (rules, expected) => {
    const folder = await folderWith({
      '.dockerignore': rules,
      'a.txt': '',
      'src/b.md': '',
      'src/c.js': '',
      'node_modules/x/i.js': '',
    });
    const paths = await pathsOf(folder);
    expect(paths.filter((path) => path !== 'Dockerfile' && path !== '.dockerignore')).toEqual(expected);
    expect(paths).toContain('Dockerfile');
    expect(paths).toContain('.dockerignore');
  });

  test.each<[string, Record<string, string>, string[]]>([
    [
      '+',
      { '.dockerignore': '+page.bak\n**/+page.test.ts', 'r/+page.test.ts': '', 'r/+page.ts': '' },
      ['r', 'r/+page.ts'],
    ],
    ['(auth)', { '.dockerignore': '**/(auth)', '(auth)/a': '', 'auth/b': '' }, ['auth', 'auth/b']],
    ['|', { '.dockerignore': 'foo|bar', foo: '', bar: '', 'foo|bar': '' }, ['bar', 'foo']],
    ['a+b', { '.dockerignore': 'a+b', aab: '', 'a+b': '' }, ['aab']],
    ['exceptions', { '.dockerignore': '*\n!**/*.py', 'x/y/a.py': '', 'x/b': '' }, ['x', 'x/y', 'x/y/a.py']],
    [
      'an ignore file of the Dockerfile',
      { '.dockerignore': 'dist', 'Dockerfile.dockerignore': 'lib', 'dist/a': '', 'lib/b': '' },
      ['dist', 'dist/a'],
    ],
    [
      'an empty ignore file of the Dockerfile',
      { '.dockerignore': 'dist', 'Dockerfile.dockerignore': '', 'dist/a': '' },
      ['dist', 'dist/a'],
    ],
  ])('follows the rules of Docker for %s', async (_what, files, expected) => {
    const paths = await pathsOf(await folderWith(files));
    const needed = /^(Dockerfile|\.dockerignore|Dockerfile\.dockerignore)$/;
    expect(paths.filter((path) => !needed.test(path))).toEqual(expected);
    expect(paths).toEqual(expect.arrayContaining(Object.keys(files).filter((path) => needed.test(path))));
  });

  test('holds the Dockerfile and its ignore file in any folder, and the targets of their links', async () => {
    const folder = await folderWith({
      '.dockerignore': 'src',
      'infra/real': 'FROM scratch\n',
      'infra/rules': '*\n!src\n',
      'src/a': '',
      other: '',
    });
    mkdirSync(join(folder, 'docker'));
    symlinkSync('../infra/real', join(folder, 'docker/prod.Dockerfile'));
    symlinkSync('../infra/rules', join(folder, 'docker/prod.Dockerfile.dockerignore'));
    expect((await readContext(folder, join(folder, 'docker/prod.Dockerfile'))).paths).toEqual([
      '.dockerignore',
      'docker',
      'docker/prod.Dockerfile',
      'docker/prod.Dockerfile.dockerignore',
      'infra',
      'infra/real',
      'infra/rules',
      'src',
      'src/a',
    ]);
  });

  test.each<[string, Record<string, string>, string[]]>([
    [
      'through a folder that is a link',
      { Dockerfile: 'infra/f', infra: 'conf' },
      ['conf', 'conf/f', 'infra'],
    ],
    ['from the root of the context', { Dockerfile: '/conf/f' }, ['conf', 'conf/f']],
    ['up beyond the root of the context', { Dockerfile: '../../conf/f' }, ['conf', 'conf/f']],
    ['through a link out of the folder', { Dockerfile: 'infra/f', infra: 'OUTSIDE' }, ['infra']],
    ['through a link that climbs out', { Dockerfile: 'infra/f', infra: 'UP/OUTSIDE' }, ['infra']],
    ['to each other', { Dockerfile: 'a', a: 'Dockerfile' }, ['a']],
  ])(
    'holds the target of a Dockerfile that links %s, and nothing from outside',
    async (_what, links, expected) => {
      const folder = await folderWith({ '.dockerignore': '*', 'conf/f': 'FROM scratch\n', 'conf/g': '' });
      const outside = await folderWith({ f: 'not for the context' });
      rmSync(join(folder, 'Dockerfile'));
      const up = '../'.repeat(folder.split('/').length);
      for (const [path, target] of Object.entries(links)) {
        symlinkSync(target.replace('UP', up).replace('OUTSIDE', outside), join(folder, path));
      }
      const { paths } = await readContext(folder);
      expect(paths.filter((path) => !['.dockerignore', 'Dockerfile'].includes(path))).toEqual(expected);
      const entries = await entriesOf(folder);
      expect(entries.filter(({ type }) => type === 'File').map(({ path }) => path)).toEqual(
        expected.includes('conf/f') ? ['.dockerignore', 'conf/f'] : ['.dockerignore'],
      );
    },
  );

  test('with an invalid ignore file is refused, with the line', async () => {
    const error = await readContext(await folderWith({ '.dockerignore': 'ok\n[a' })).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({
      exitCode: 2,
      message: 'ignore_file_invalid: ".dockerignore" line 2: the pattern "[a" has a [ that no ] closes.',
    });
  });

  test.each<[string, (path: string) => void]>([
    ['a link out of the folder', (path) => symlinkSync('/etc/passwd', path)],
    ['a link to itself', (path) => symlinkSync('.dockerignore', path)],
    ['a folder', (path) => mkdirSync(path)],
  ])('has no rules when its ignore file is %s', async (_what, make) => {
    const folder = await folderWith({ root: '' });
    make(join(folder, '.dockerignore'));
    expect(await pathsOf(folder)).toEqual(['.dockerignore', 'Dockerfile', 'root']);
  });

  test('holds links as links, wherever they point', async () => {
    const folder = await folderWith({ 'a/secret.txt': 's' });
    symlinkSync('/etc', join(folder, 'etc'));
    symlinkSync('a', join(folder, 'inside'));
    symlinkSync('nowhere', join(folder, 'broken'));
    const entries = await entriesOf(folder);
    expect(
      entries.filter(({ type }) => type === 'SymbolicLink').map(({ path, linkpath }) => [path, linkpath]),
    ).toEqual([
      ['broken', 'nowhere'],
      ['etc', '/etc'],
      ['inside', 'a'],
    ]);
    expect(entries.map(({ path }) => path)).not.toContain('inside/secret.txt');
    expect(entries).toHaveLength(6);
  });

  test('may itself be reached through a link', async () => {
    const folder = await folderWith({});
    symlinkSync(folder, `${folder}-link`);
    folders.push({ remove: async () => rmSync(`${folder}-link`) });
    expect((await readContext(`${folder}-link`)).folder).toBe(folder);
  });

  test('keeps modes, and has no owners and times', async () => {
    const folder = await folderWith({ 'run.sh': '#!/bin/sh\n', '@x': 'not an archive', 'same.txt': 's' });
    chmodSync(join(folder, 'run.sh'), 0o755);
    linkSync(join(folder, 'same.txt'), join(folder, 'twice.txt'));
    const entries = await entriesOf(folder);
    expect(entries.map(({ path }) => path)).toEqual(['@x', 'Dockerfile', 'run.sh', 'same.txt', 'twice.txt']);
    expect(entries.map(({ mode }) => mode)).toEqual([0o644, 0o644, 0o755, 0o644, 0o644]);
    expect(entries.map(({ type }) => type)).toEqual(Array(5).fill('File'));
    expect(new Set(entries.map(({ uid, gid, mtime }) => `${uid} ${gid} ${mtime?.getTime()}`))).toEqual(
      new Set(['0 0 0']),
    );
  });

  test('is unpacked unchanged by other programs, with long names and large files', async () => {
    const long = `${'folder-with-a-long-name/'.repeat(6)}${'ü'.repeat(60)}.txt`;
    const folder = await folderWith({ [long]: 'far down', 'big.bin': 'y'.repeat(1_000_001), 'none.txt': '' });
    symlinkSync(long, join(folder, 'long-link'));
    const target = await folderWith({});
    const unpack = spawnSync('tar', ['-x', '-C', target], {
      input: await buffer(packContext(await readContext(folder))),
    });
    expect(unpack.stderr.toString()).toBe('');
    expect(spawnSync('diff', ['-r', '--no-dereference', folder, target]).stdout.toString()).toBe('');
    expect(await pathsOf(target)).toEqual(await pathsOf(folder));
  });

  test.each<[string, (name: Buffer) => void]>([
    ['file', (name) => writeFileSync(name, 'x')],
    ['folder', (name) => mkdirSync(name)],
    ['link', (name) => symlinkSync('x', name)],
  ])('is refused by name where the name of a %s is not UTF-8', async (_what, make) => {
    const folder = await folderWith({ 'a/b': '', '.dockerignore': 'ignored\n**/*.bak\n' });
    mkdirSync(join(folder, 'ignored'));
    // Another name that a lossy decoder turns into the same text.
    writeFileSync(join(folder, 'caf\ufffd'), 'text');
    for (const ignored of ['ignored/caf\xe9', 'a/caf\xe9.bak'])
      make(Buffer.from(`${folder}/${ignored}`, 'latin1'));
    expect(await pathsOf(folder)).toEqual(['.dockerignore', 'Dockerfile', 'a', 'a/b', 'caf\ufffd']);
    make(Buffer.from(`${folder}/a/caf\xe9`, 'latin1'));
    await expect(readContext(folder)).rejects.toMatchObject({
      name: 'CommandError',
      exitCode: 2,
      message: 'source_path_unsafe: "a/caf\\xe9" is not in UTF-8.',
      remedy: 'Rename it: names are text in UTF-8.',
    });
  });

  test('searches an ignored folder whose name is not UTF-8 for exceptions', async () => {
    const folder = await folderWith({ '.dockerignore': '*\n!**/*.py\n' });
    const odd = Buffer.from(`${folder}/caf\xe9`, 'latin1');
    mkdirSync(odd);
    writeFileSync(Buffer.concat([odd, Buffer.from('/notes.txt')]), '');
    expect(await pathsOf(folder)).toEqual(['.dockerignore', 'Dockerfile']);
    writeFileSync(Buffer.concat([odd, Buffer.from('/app.py')]), '');
    await expect(readContext(folder)).rejects.toThrow('"caf\\xe9/app.py" is not in UTF-8.');
  });

  test('is refused by name where the target of a link is not UTF-8, before anything is packed', async () => {
    const folder = await folderWith({ 'a/b': '' });
    symlinkSync(Buffer.from('../caf\xe9', 'latin1'), join(folder, 'a/l'));
    await expect(readContext(folder)).rejects.toMatchObject({
      name: 'CommandError',
      message: 'source_link_unsafe: The link "a/l" has a target that is not in UTF-8: "../caf\\xe9".',
    });
  });

  test('leaves out and names entries other than files, folders and links', async () => {
    const folder = await folderWith({});
    expect(spawnSync('mkfifo', [join(folder, 'pipe')]).status).toBe(0);
    expect(await readContext(folder)).toMatchObject({ paths: ['Dockerfile'], leftOut: ['pipe'] });
  });

  test.each([
    [
      'without a Dockerfile',
      async () => {
        const folder = await folderWith({ 'x/y': '' });
        return join(folder, 'x');
      },
      /no Dockerfile/,
    ],
    ['that is not there', async () => '/no/such/folder', /the folder \/no\/such\/folder was not found/],
    ['that is a file', async () => join(await folderWith({}), 'Dockerfile'), /is not a folder/],
  ])('%s is wrong usage', async (_what, make, message) => {
    const error = await readContext(await make()).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
  });

  test.each<[string, (path: string) => void, RegExp]>([
    ['gone', (path) => rmSync(path), /ENOENT/],
    ['shorter', (path) => truncateSync(path, 300_000), /big.bin became shorter/],
  ])('is not packed when a file is %s meanwhile', async (what, change, message) => {
    const folder = await folderWith({ 'big.bin': 'x'.repeat(1_000_000) });
    const packing = packContext(await readContext(folder));
    // At the first bytes the packer has opened the file and written its size.
    if (what === 'shorter') await packing.next();
    change(join(folder, 'big.bin'));
    await expect(buffer(packing)).rejects.toThrow(message);
  });
});
