import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSourceFile } from './read-file.js';
import { inChunks, makeSources } from './testing.js';
import { singleTopFolder } from './top-folder.js';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'slipway-writers-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A sparse file with some bytes at each offset, and the given size. */
function holed(path: string, size: number, offsets: readonly number[]): Buffer {
  const whole = Buffer.alloc(size);
  const fd = openSync(path, 'w');
  for (const offset of offsets) {
    const text = Buffer.from(`at ${offset}`);
    writeSync(fd, text, 0, text.length, offset);
    text.copy(whole, offset);
  }
  ftruncateSync(fd, size);
  closeSync(fd);
  return whole;
}

const longPath = `${'long/'.repeat(30)}x.img`;

const formats = [
  ['old GNU', ['--format=gnu']],
  ['pax 0.0', ['--format=posix', '--sparse-version=0.0']],
  ['pax 0.1', ['--format=posix', '--sparse-version=0.1']],
  ['pax 1.0', ['--format=posix', '--sparse-version=1.0']],
] as const;

describe('an archive of git', () => {
  it('has no file for its global header, and names that are not UTF-8 are refused', async () => {
    const dir = folder();
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

describe('a sparse file of GNU tar', () => {
  it.each(formats)('has its full size and its holes as zeros: %s', async (_, options) => {
    const dir = folder();
    mkdirSync(dirname(join(dir, longPath)), { recursive: true });
    const contents = new Map([
      ['end.img', holed(join(dir, 'end.img'), 2 * 2 ** 20 + 9, [2 * 2 ** 20])],
      ['start.img', holed(join(dir, 'start.img'), 3 * 2 ** 20 + 1, [0])],
      ['hole.img', holed(join(dir, 'hole.img'), 2 ** 20, [])],
      // More pieces than a header has room for, and than a block after it.
      [
        'many.img',
        holed(
          join(dir, 'many.img'),
          8 * 2 ** 20,
          Array.from({ length: 60 }, (__, n) => n * 131_072),
        ),
      ],
      [longPath, holed(join(dir, longPath), 2 ** 20, [500_000])],
    ]);
    writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch\n');
    const paths = ['Dockerfile', ...contents.keys()];
    const plain = execFileSync('tar', ['-c', '--format=posix', '-C', dir, ...paths], { maxBuffer: 2 ** 26 });
    const packed = execFileSync('tar', ['-cS', ...options, '-C', dir, ...paths], { maxBuffer: 2 ** 26 });
    expect(packed.length).toBeLessThan(plain.length / 10);
    const { sources } = await makeSources();
    const { digest } = await sources.ingest(inChunks(plain));
    for (const size of [513, 65_536]) {
      expect(await sources.ingest(inChunks(packed, size))).toMatchObject({ digest, created: false });
    }
    for (const [path, content] of contents) {
      const stored = await readSourceFile({ sources, digest, path, maxBytes: 2 ** 24 });
      expect(content.equals(stored as Buffer)).toBe(true);
    }
  });

  it.each(formats)('counts with its holes: %s', async (_, options) => {
    const dir = folder();
    holed(join(dir, 'big.img'), 2 ** 30, [5]);
    const packed = execFileSync('tar', ['-cS', ...options, '-C', dir, 'big.img']);
    const { sources, kept } = await makeSources({ maxBytes: 2 ** 30 - 1 });
    await expect(sources.ingest(inChunks(packed))).rejects.toMatchObject({ code: 'source_too_large' });
    expect(await kept()).toEqual([]);
  });

  it('asks for room while a hole is stored, so that a budget ends it early', async () => {
    const dir = folder();
    holed(join(dir, 'big.img'), 2 ** 30, [5]);
    const packed = execFileSync('tar', ['-cS', '-C', dir, 'big.img']);
    const { sources, kept } = await makeSources({ maxBytes: 2 ** 31 });
    const asked: number[] = [];
    const room = {
      admit: async () => {},
      grow: async ({ disk }: { disk: number }) => {
        asked.push(disk);
        if (disk > 4 * 2 ** 20) throw new Error('no room');
      },
    };
    await expect(sources.ingest(inChunks(packed), { room })).rejects.toThrow('no room');
    expect(Math.max(...asked)).toBeLessThan(6 * 2 ** 20);
    expect(await kept()).toEqual([]);
  });
});
