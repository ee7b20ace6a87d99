import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { header, pax } from './hostile/blocks.js';
import { archive, expectedDigest, file, inChunks, link, makeSources, type Tree } from './testing/index.js';
import { singleTopFolder } from './top-folder.js';

const temporaryFolder = () => mkdtempSync(join(tmpdir(), 'slipway-writers-'));

function emptyFolder(): string {
  const path = temporaryFolder();
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A program with Go's archive/tar. */
const goWriter = join(temporaryFolder(), 'go-writer');
beforeAll(() => {
  const source = fileURLToPath(new URL('go-writer/main.go', import.meta.url));
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GO111MODULE: 'off' };
  execFileSync('go', ['build', '-trimpath', '-o', goWriter, source], { env });
  return () => rmSync(join(goWriter, '..'), { recursive: true });
});

/** Creates files for the writers: modes, links, hard links, empty folders. */
function makeFolder(): string {
  const folder = emptyFolder();
  execFileSync('sh', ['-ec', script], { cwd: folder });
  return folder;
}

const long = 'a-rather-long-name-of-a-folder-that-fills-its-place';
const script = `
  mkdir -p src/${long}/${long} empty
  printf hello > src/hello.txt; printf x > src/${long}/${long}/deep.txt
  printf '#!/bin/sh\\n' > run; chmod 750 run; chmod 600 src/hello.txt
  ln -s src/hello.txt link; ln -s ../../run src/${long}/up; ln -P link hard-linked; ln -s /etc/passwd outward
  ln src/hello.txt src/same.txt; touch -d 2001-02-03T04:05:06.789 run
  printf ü > 'src/ünï – 日本'; head -c 700000 /dev/zero > src/zeros
`;
const tree: Tree = new Map([
  ['src/hello.txt', file('hello')],
  ['src/same.txt', file('hello')],
  [`src/${long}/${long}/deep.txt`, file('x')],
  ['run', file('#!/bin/sh\n', true)],
  ['link', link('src/hello.txt')],
  ['hard-linked', link('src/hello.txt')],
  ['outward', link('/etc/passwd')],
  [`src/${long}/up`, link('../../run')],
  ['empty', { type: 'folder' }],
  ['src/ünï – 日本', file('ü')],
  ['src/zeros', file(Buffer.alloc(700_000))],
]);

const python = (format: string) => `
import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.${format}) as tar:
    tar.add(".")
`;
const run = (...command: string[]): readonly string[] => command;

/** Writers whose format has room for names of any length. */
const roomy = [
  run('tar', '--format=gnu', '-cf', '-', '.'),
  run('tar', '--format=oldgnu', '-cf', '-', '.'),
  run('tar', '--format=pax', '-cf', '-', '.'),
  run('tar', '--sort=name', '--owner=stranger:1234', '--mtime=@0', '-cf', '-', '.'),
  run('bsdtar', '-cf', '-', '.'),
  run('bsdtar', '--format=pax', '--xattrs', '--acls', '--fflags', '-cf', '-', '.'),
  run('bsdtar', '--format=pax', '--no-read-sparse', '-czf', '-', '.'),
  run('bsdtar', '--format=paxr', '--uid=99999999', '--uname=ü', '-cf', '-', '.'),
  run('bsdtar', '--format=gnutar', '-cf', '-', '.'),
  run('sh', '-c', 'find . | bsdtar -cnf - -T -'),
  run('busybox', 'tar', '-cf', '-', '.'),
  run('python3', '-c', python('PAX_FORMAT')),
  run('python3', '-c', python('GNU_FORMAT')),
  run('go-writer', 'any'),
  run('go-writer', 'pax'),
  run('go-writer', 'gnu'),
];
const narrow = [
  run('tar', '--format=ustar', '-cf', '-', '.'),
  run('bsdtar', '--format=ustar', '-cf', '-', '.'),
  run('python3', '-c', python('USTAR_FORMAT')),
];
const partly = [
  'tar --format=pax --xattrs --acls -cz src link hard-linked outward empty run',
  'tar -c --no-recursion src ./empty src/ . empty/ --recursion ./src run link ./outward hard-linked',
  `tar -c --no-recursion src/zeros run src/${long}/up src/same.txt link outward hard-linked empty src/${long}/${long}/deep.txt 'src/ünï – 日本' src/hello.txt`,
].map((command) => run('sh', '-c', command));

const packed = (folder: string, [command, ...args]: readonly string[]): Buffer =>
  execFileSync(command === 'go-writer' ? goWriter : (command as string), args, {
    cwd: folder,
    maxBuffer: 1e8,
  });

describe('each writer gives the digest of the files', () => {
  it.each(
    [...roomy, ...narrow, ...partly].map((command) => [command.join(' ').slice(0, 100), command] as const),
  )('%s', async (_, command) => {
    const { sources } = await makeSources();
    const { digest } = await sources.ingest(inChunks(packed(makeFolder(), command), 10_000));
    expect(digest).toBe(expectedDigest(tree));
  });

  it.each(roomy.map((command) => [command.join(' ').slice(0, 100), command] as const))(
    'of long names: %s',
    async (_, command) => {
      const folder = emptyFolder();
      const deep = `${'folder-'.repeat(30)}/`.repeat(3);
      const name = 'ü'.repeat(120);
      const target = `../${'elsewhere/'.repeat(40)}x`;
      execFileSync(
        'sh',
        [
          '-ec',
          `mkdir -p ${deep}; printf x > ${deep}${name}; ln -s ${target} ${deep}l; ln ${deep}${name} ${deep}z`,
        ],
        {
          cwd: folder,
        },
      );
      const { sources } = await makeSources();
      const { digest } = await sources.ingest(inChunks(packed(folder, command), 10_000));
      const expected: Tree = new Map([
        [deep + name, file('x')],
        [`${deep}z`, file('x')],
        [`${deep}l`, link(target)],
      ]);
      expect(digest).toBe(expectedDigest(expected));
    },
  );

  it('v7 tar, which has no room for long names, for short ones', async () => {
    const few = ['src/hello.txt', 'run', 'link', 'empty'];
    const expected = expectedDigest(new Map([...tree].filter(([path]) => few.includes(path))));
    const folder = makeFolder();
    for (const command of [
      ['tar', '--format=v7', '-cf', '-', ...few],
      ['bsdtar', '--format=v7', '-cf', '-', ...few],
    ]) {
      const { sources } = await makeSources();
      expect((await sources.ingest(inChunks(packed(folder, command)))).digest).toBe(expected);
    }
  });

  it('node-tar, compressed or not', async () => {
    const folder = makeFolder();
    const { create } = await import('tar');
    for (const options of [
      {},
      { portable: true, gzip: true },
      { follow: false, noPax: false, prefix: './' },
    ]) {
      const { sources } = await makeSources();
      const archived = create({ ...options, cwd: folder }, ['.']) as unknown as AsyncIterable<Buffer>;
      expect((await sources.ingest(archived)).digest).toBe(expectedDigest(tree));
    }
  });

  it('git archive, with its global comment', async () => {
    const folder = makeFolder();
    const git = (...args: string[]) =>
      packed(folder, ['git', '-c', 'user.name=x', '-c', 'user.email=x@localhost', ...args]);
    git('init', '-q');
    git('add', '-A');
    git('commit', '-qm', 'x');
    const { sources } = await makeSources();
    const { digest } = await sources.ingest(inChunks(git('archive', 'HEAD')));
    // Git keeps no empty folders.
    expect(digest).toBe(expectedDigest(new Map([...tree].filter(([path]) => path !== 'empty'))));
  });

  it('an archive with the attributes of macOS and Linux', async () => {
    const attributes = pax({
      'LIBARCHIVE.xattr.com.apple.provenance': 'AQIAq1c3',
      'SCHILY.xattr.com.apple.provenance': Buffer.from([1, 2, 0, 0xab, 0x0a, 0x3d]),
      'SCHILY.xattr.security.selinux': 'system_u:object_r:tmp_t:s0\0',
      'SCHILY.acl.access': 'user::rw-,group::r--,mask::r--,other::r--',
      'SCHILY.fflags': 'nodump',
      'RHT.security.selinux': 'x',
      'LIBARCHIVE.creationtime': '1700000000.123456789',
      mtime: '1700000000.5',
      hdrcharset: 'BINARY',
    });
    const plain = header({ path: 'Dockerfile' });
    const { sources } = await makeSources();
    const { digest } = await sources.ingest(inChunks(archive(attributes, plain)));
    expect(digest).toBe(expectedDigest(new Map([['Dockerfile', file()]])));
  });
});

describe('a name that is not UTF-8 is refused by its bytes', () => {
  it.each(roomy.map((command) => [command.join(' ').slice(0, 100), command] as const))(
    '%s',
    async (_, command) => {
      const folder = emptyFolder();
      writeFileSync(Buffer.from(`${folder}/caf\xe9`, 'latin1'), 'x');
      const { sources, kept } = await makeSources();
      const refusal = expect(sources.ingest(inChunks(packed(folder, command)))).rejects;
      await refusal.toMatchObject({
        code: 'source_path_unsafe',
        message: expect.stringMatching(/caf\\xe9" is not in UTF-8/),
      });
      expect(await kept()).toEqual([]);
    },
  );
});

describe('an archive of git', () => {
  it('has no file for its global header, and names that are not UTF-8 are refused', async () => {
    const dir = emptyFolder();
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', dir, '-c', 'user.name=x', '-c', 'user.email=x@example.test', ...args]);
    git('init', '-q');
    writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch\n');
    git('add', '.');
    git('commit', '-qm', 'x');
    const { sources } = await makeSources();
    const archived = git('archive', '--prefix=fn-1.0/', 'HEAD');
    expect(archived.includes('pax_global_header')).toBe(true);
    const { digest } = await sources.ingest(inChunks(archived));
    const paths = (await sources.manifest(digest))?.entries.map(({ path }) => path) ?? [];
    expect(paths).toEqual(['fn-1.0', 'fn-1.0/Dockerfile']);
    expect(singleTopFolder(paths)).toBe('fn-1.0');
    writeFileSync(Buffer.from(`${dir}/caf\xe9`, 'latin1'), 'x');
    git('add', '.');
    git('commit', '-qm', 'x');
    await expect(sources.ingest(inChunks(git('archive', 'HEAD')))).rejects.toMatchObject({
      code: 'source_path_unsafe',
      message: '"caf\\xe9" is not in UTF-8.',
    });
  });
});
