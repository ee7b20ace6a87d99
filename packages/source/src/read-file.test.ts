import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readSourceFile } from './read-file.js';
import {
  allPaths,
  archive,
  file,
  folder,
  inChunks,
  link,
  makeSources,
  pack,
  type Tree,
  tarEntry,
} from './testing/index.js';

const metadata = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };

async function stored(tree: Tree) {
  const { sources } = await makeSources();
  const tar = pack(tree, { order: allPaths(tree), folders: true, dotted: false, metadata, modeBits: 0o644 });
  const { digest } = await sources.ingest(inChunks(tar));
  return (path: string, maxBytes = 1e6) => readSourceFile({ sources, digest, path, maxBytes });
}

it('reads any file of any source unchanged', async () => {
  const content = fc.uint8Array({ maxLength: 1_500 });
  const name = fc.oneof(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[a-zé]{90,120}$/));
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, content, { minKeys: 1, maxKeys: 6 }), async (files) => {
      const tree = new Map(Object.entries(files).map(([path, bytes]) => [path, file(Buffer.from(bytes))]));
      const read = await stored(tree);
      for (const [path, bytes] of Object.entries(files)) expect(await read(path)).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 25 },
  );
});

it('reports missing and too large files', async () => {
  const read = await stored(
    new Map([
      ['Dockerfile', file('FROM x\n')],
      ['dir', folder],
      ['link', link('Dockerfile')],
    ]),
  );
  expect(await read('Dockerfile', 7)).toEqual(Buffer.from('FROM x\n'));
  expect(await read('Dockerfile', 6)).toBe('large');
  for (const path of ['dir', 'link', 'dockerfile', 'dir/Dockerfile', ''])
    expect(await read(path)).toBe('missing');
});

it('reports a missing source', async () => {
  const { sources } = await makeSources();
  await sources.ingest(inChunks(archive(tarEntry({ path: 'a' }))));
  const digest = `sha256:${'0'.repeat(64)}`;
  expect(await readSourceFile({ sources, digest, path: 'a', maxBytes: 1 })).toBe('missing');
});
