import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBlobStore } from '@slipway/shared/blobs';
import { createSourceStore } from '@slipway/source';
import { afterEach, describe, expect, it } from 'vitest';
import { archive } from '../../testing/archive.js';
import { storeFiles } from './source.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function setUp(maxFiles: number) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-inline-'));
  folders.push(folder);
  const limits = { maxArchiveBytes: 100_000, maxBytes: 10_000, maxFiles, maxRatio: 200 };
  return createSourceStore({ blobs: await openBlobStore(`file://${folder}`), limits });
}

describe('files in the request', () => {
  it('are the same source as an upload of them', async () => {
    const sources = await setUp(50);
    const long = `${'folder/'.repeat(30)}naïve.txt`;
    const texts = { Dockerfile: 'FROM scratch\nCOPY . /\n', 'src/./empty.txt': '', [long]: 'ü'.repeat(600) };
    const { digest } = await storeFiles(texts, sources);
    const entries = (await sources.manifest(digest))?.entries.filter(({ type }) => type === 'file');
    expect(entries?.map(({ path }) => path)).toEqual(['Dockerfile', long, 'src/empty.txt'].sort());
    const { digest: alone } = await storeFiles({ Dockerfile: 'FROM scratch\n' }, sources);
    async function* upload() {
      yield archive([{ path: './Dockerfile', text: 'FROM scratch\n' }]);
    }
    expect(await sources.ingest(upload())).toMatchObject({ digest: alone, created: false });
  });

  it.each([
    [{ '../evil': 'x' }, 'source_path_unsafe', '/..~1evil'],
    [{ '/etc/passwd': 'x' }, 'source_path_unsafe', '/~1etc~1passwd'],
    [{ 'folder/': 'x' }, 'source_path_unsafe', '/folder~1'],
    [{ 'a~b': 'x', 'a~b/': 'x' }, 'source_path_unsafe', '/a~0b~1'],
    [{ a: 'x', './a': 'y' }, 'source_path_duplicate', '/.~1a'],
    [{ a: 'x', 'a/b': 'y' }, 'source_path_conflict', '/a~1b'],
    [{ a: 'x', b: 'y'.repeat(10_000), c: 'z' }, 'source_too_large', '/b'],
    [{ a: '1', b: '2', c: '3', d: '4', e: '5', f: '6' }, 'source_too_many_files', '/f'],
  ])('%j are refused, and the file is named', async (files, code, path) => {
    const sources = await setUp(5);
    await expect(storeFiles(files as Record<string, string>, sources)).rejects.toMatchObject({
      code,
      errors: [{ path: `/source/files${path}` }],
    });
  });
});
