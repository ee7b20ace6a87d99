import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '@slipway/shared/config';
import { describe, expect, it } from 'vitest';
import { cacheSources } from './cached-source-reader.js';
import { createPayload } from './payload.js';
import type { SourceReader } from './source-store.js';
import { allPaths, file, inChunks, makeSources, pack, type Tree } from './testing/index.js';

const treeOf = (bytes: number): Tree => new Map([['f', file('x'.repeat(bytes))]]);
const packing = { folders: true, dotted: false, metadata: {}, modeBits: 0o644 };

async function make(options: { maxBytes?: number } = {}) {
  const { sources, directory } = await makeSources();
  const read: string[] = [];
  const counting: SourceReader = {
    manifest: (digest) => sources.manifest(digest),
    openTar: (digest) => sources.openTar(digest),
    streamTar: (digest) => {
      read.push(digest);
      return sources.streamTar(digest);
    },
  };
  const ingest = async (bytes: number) => {
    const tree = treeOf(bytes);
    return (await sources.ingest(inChunks(pack(tree, { ...packing, order: allPaths(tree) })))).digest;
  };
  return { sources, directory, ingest, read, cached: cacheSources({ sources: counting, ...options }) };
}

const signed = async (sources: SourceReader, digest: string) => {
  const config = { image: 'registry.test/fn:1' };
  const payload = await createPayload({ sources, layers: [{ digest, at: 'context' }], config });
  return await payload.sign(new Secret('s'));
};

describe('cached sources', () => {
  it.each([100, 200_000])('yield the same payload as the store, of %i bytes', async (bytes) => {
    const { sources, ingest, cached } = await make();
    const digest = await ingest(bytes);
    const expected = await signed(sources, digest);
    expect(await signed(cached, digest)).toBe(expected);
    expect(await signed(cached, digest)).toBe(expected);
  });

  it('are read once for concurrent readers', async () => {
    const { ingest, cached, read } = await make();
    const digest = await ingest(100);
    await Promise.all(Array.from({ length: 20 }, () => signed(cached, digest)));
    expect(read).toEqual([digest]);
  });

  it('are evicted when the cache is full', async () => {
    const { ingest, cached, read } = await make({ maxBytes: 6_000 });
    const [first, second] = [await ingest(100), await ingest(101)];
    for (const digest of [first, second, first]) await signed(cached, digest);
    expect(read).toEqual([first, second, first]);
  });

  it.each([
    ['a header', 10],
    ['a file', 520],
  ])(
    'are not cached while their %s is damaged, and are read again after an upload replaced them',
    async (_what, at) => {
      const { ingest, cached, sources, directory } = await make();
      const digest = await ingest(100);
      const expected = await signed(sources, digest);
      const path = join(directory, 'sources', `${digest.slice(7)}.tar`);
      const tar = await readFile(path);
      tar.writeUInt8(tar.readUInt8(at) ^ 1, at);
      await writeFile(path, tar);
      await expect(signed(cached, digest)).rejects.toMatchObject({ code: 'source_damaged' });
      await ingest(100);
      expect(await signed(cached, digest)).toBe(expected);
    },
  );

  it('are looked up again after they were missing', async () => {
    const { ingest, cached, sources } = await make();
    const missing = `sha256:${'0'.repeat(64)}`;
    expect(await cached.manifest(missing)).toBeUndefined();
    expect(await cached.openTar(missing)).toBeUndefined();
    const digest = await ingest(5);
    expect(await cached.manifest(digest)).toEqual(await sources.manifest(digest));
  });
});
