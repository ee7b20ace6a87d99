import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inChunks, makeSources } from './testing/index.js';

function folderOf(): string {
  const path = mkdtempSync(join(tmpdir(), 'slipway-formats-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  mkdirSync(join(path, 'd'));
  writeFileSync(join(path, 'd', 'x'), 'x');
  writeFileSync(join(path, 'run'), '#!/bin/sh\n');
  writeFileSync(join(path, 'zeros'), Buffer.alloc(700_000));
  return path;
}

const packed = (folder: string, [command, ...args]: readonly string[]): Buffer =>
  execFileSync(command as string, args, { cwd: folder, maxBuffer: 1e8 });

describe('formats of other programs are named', () => {
  const bsdtar = (format: string) => ['bsdtar', `--format=${format}`, '-cf', '-', 'run'];
  it.each<[string, readonly string[]]>([
    ['zip', bsdtar('zip')],
    ['7z', ['sh', '-c', 'bsdtar --format=7zip -cf x.7z run && cat x.7z']],
    ['cpio', bsdtar('cpio')],
    ['cpio', bsdtar('newc')],
    ['cpio', bsdtar('bin')],
    ['ar', bsdtar('ar')],
    ['xar', ['sh', '-c', 'bsdtar --format=xar -cf x.xar run && cat x.xar']],
    ['xz', ['bsdtar', '-cJf', '-', '.']],
    ['zstd', ['bsdtar', '--zstd', '-cf', '-', '.']],
    ['bzip2', ['bsdtar', '-cjf', '-', '.']],
    ['lz4', ['bsdtar', '--lz4', '-cf', '-', '.']],
    ['lzma', ['bsdtar', '--lzma', '-cf', '-', '.']],
    ['lzip', ['bsdtar', '--lzip', '-cf', '-', '.']],
    ['compress', ['bsdtar', '-cZf', '-', '.']],
  ])('%s: %j', async (format, command) => {
    const { sources, kept } = await makeSources();
    const message = expect.stringContaining(`Its format is ${format}. `);
    const refusal = { code: 'source_corrupt', message };
    await expect(sources.ingest(inChunks(packed(folderOf(), command)))).rejects.toMatchObject(refusal);
    expect(await kept()).toEqual([]);
  });

  it.each([
    ['a folder of an incremental archive', ['sh', '-c', 'tar -g snapshot -cf - d']],
    ['the label of a volume', ['tar', '-V', 'backup', '-cf', '-', 'run']],
    ['a named pipe', ['sh', '-c', 'mkfifo pipe && tar -cf - pipe']],
    ['a named pipe', ['sh', '-c', 'mkfifo pipe && bsdtar -cf - pipe']],
  ])('%s', async (what, command) => {
    const { sources } = await makeSources();
    const refusal = { code: 'source_entry_unsupported', message: expect.stringContaining(` is ${what}, `) };
    await expect(sources.ingest(inChunks(packed(folderOf(), command)))).rejects.toMatchObject(refusal);
  });

  it('a volume of several', async () => {
    const folder = folderOf();
    const volume = join(folder, 'volume.tar');
    spawnSync('tar', ['-cMf', volume, '-L', '200', 'zeros'], { cwd: folder, input: '' });
    const { sources } = await makeSources();
    const first = packed(folder, ['cat', volume]);
    await expect(sources.ingest(inChunks(first))).rejects.toMatchObject({ code: 'source_corrupt' });
  });
});
