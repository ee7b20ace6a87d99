import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Secret } from '@slipway/shared/config';
import { errorCodes, SlipwayError } from '@slipway/shared/errors';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPayload } from './payload.js';
import {
  allPaths,
  expectedDigest,
  inChunks,
  makeSources,
  type Packing,
  pack,
  type Tree,
  type TreeNode,
} from './testing/index.js';

const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'lib', 'src', 'a.js', 'A', 'x y', '...', '-', '\\') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'ü',
      'e\u0301',
      '日本',
      '\u{1f6a2}',
      '\uffee',
      '"q"',
      'tab\t',
      'new\nline',
      'PaxHeader',
    ),
  },
  { weight: 1, arbitrary: fc.integer({ min: 60, max: 240 }).map((length) => 'n'.repeat(length)) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 30, max: 60 }).map((length) => 'ö日'.repeat(length).slice(0, 80)),
  },
);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));

const node: fc.Arbitrary<TreeNode> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('file' as const),
      content: fc.uint8Array({ maxLength: 1500, size: 'max' }).map((bytes) => Buffer.from(bytes)),
      executable: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'folder' as const }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('./to/', '', '/', '../', '../../../../etc/', 'a/../../'), path)
      .map(([start, rest]) => ({ type: 'link' as const, target: start + rest })),
  },
);

/** A tree with at least one file, and no paths below entries that are not folders. */
const tree: fc.Arbitrary<Tree> = fc
  .array(fc.tuple(path, node), { minLength: 1, maxLength: 12 })
  .map((pairs) => {
    const found = new Map<string, TreeNode>();
    for (const [name, what] of pairs) {
      const clash = [...found.keys()].some(
        (k) => k === name || k.startsWith(`${name}/`) || name.startsWith(`${k}/`),
      );
      if (!clash) found.set(name, what);
    }
    return found;
  })
  .filter((found) => [...found.values()].some(({ type }) => type !== 'folder'));

const packingOf = (of: Tree): fc.Arbitrary<Packing> =>
  fc.record({
    order: fc.shuffledSubarray(allPaths(of), { minLength: allPaths(of).length }),
    folders: fc.boolean(),
    dotted: fc.boolean(),
    metadata: fc.record({
      uid: fc.nat({ max: 3_000_000 }),
      gid: fc.nat({ max: 70_000 }),
      uname: fc.constantFrom('root', '', 'ü'),
      gname: fc.constantFrom('wheel', ''),
      mtime: fc.date({ min: new Date(0), max: new Date('2030-01-01'), noInvalidDate: true }),
    }),
    modeBits: fc.constantFrom(0o600, 0o644, 0o666, 0o4644, 0o2640),
  });

const packed = tree.chain((of) => fc.record({ tree: fc.constant(of), packing: packingOf(of) }));
const chunkSize = fc.constantFrom(13, 512, 700, 65536);

describe('a digest', () => {
  it('depends only on the files, not on packing, compression and chunks', async () => {
    const { sources } = await makeSources();
    await fc.assert(
      fc.asyncProperty(packed, chunkSize, fc.boolean(), async (sample, size, zipped) => {
        const bytes = pack(sample.tree, sample.packing);
        const { digest } = await sources.ingest(inChunks(zipped ? gzipSync(bytes) : bytes, size));
        expect(digest).toBe(expectedDigest(sample.tree));
      }),
      { numRuns: 120 },
    );
  });

  it('differs for other files', async () => {
    const { sources } = await makeSources();
    const plain = (of: Tree) =>
      pack(of, { order: allPaths(of), folders: true, dotted: false, metadata: {}, modeBits: 0o644 });
    await fc.assert(
      fc.asyncProperty(tree, tree, async (one, other) => {
        const [a, b] = [
          await sources.ingest(inChunks(plain(one))),
          await sources.ingest(inChunks(plain(other))),
        ];
        expect(a.digest === b.digest).toBe(expectedDigest(one) === expectedDigest(other));
      }),
      { numRuns: 50 },
    );
  });

  it('is the digest of its own normal form', async () => {
    const { sources } = await makeSources();
    await fc.assert(
      fc.asyncProperty(packed, async (sample) => {
        const { digest } = await sources.ingest(inChunks(pack(sample.tree, sample.packing)));
        const tar = await sources.streamTar(digest);
        if (!tar) throw new Error('not stored');
        expect(await sources.ingest(tar)).toMatchObject({ digest, created: false });
      }),
      { numRuns: 50 },
    );
  });
});

describe('a payload', () => {
  it('has its length and its signature, and unpacks to the files of its layers', async () => {
    const { sources } = await makeSources();
    const target = await mkdtemp(join(tmpdir(), 'slipway-properties-'));
    onTestFinished(() => rm(target, { recursive: true, force: true }));
    await fc.assert(
      fc.asyncProperty(packed, packed, async (template, handler) => {
        const layers = [
          {
            digest: (await sources.ingest(inChunks(pack(template.tree, template.packing)))).digest,
            at: 'context',
          },
          {
            digest: (await sources.ingest(inChunks(pack(handler.tree, handler.packing)))).digest,
            at: 'context/src',
          },
        ];
        const payload = await createPayload({ sources, layers, config: { image: 'x/y:z' } });
        const chunks: Buffer[] = [];
        for await (const chunk of payload.stream()) chunks.push(Buffer.from(chunk));
        const bytes = Buffer.concat(chunks);
        expect(bytes.length).toBe(payload.length);
        expect(await payload.sign(new Secret('s'))).toBe(
          `sha256=${createHmac('sha256', 's').update(bytes).digest('hex')}`,
        );
        await rm(target, { recursive: true, force: true });
        execFileSync('mkdir', [target]);
        execFileSync('tar', ['-xf', '-', '-C', target], { input: bytes });
        expect(await onDisk(join(target, 'context'))).toEqual(composed(template.tree, handler.tree));
      }),
      { numRuns: 40 },
    );
  });
});

/** Applies an overlay naively, on a map as file system. */
function composed(template: Tree, handler: Tree): Record<string, string> {
  const result = new Map<string, TreeNode>();
  const put = (name: string, what: TreeNode) => {
    for (const known of [...result.keys()]) {
      const replacesFolder = what.type !== 'folder' && known.startsWith(`${name}/`);
      const wasNoFolder = name.startsWith(`${known}/`) && result.get(known)?.type !== 'folder';
      if (replacesFolder || wasNoFolder) result.delete(known);
    }
    result.set(name, what);
  };
  for (const name of allPaths(template)) put(name, template.get(name) ?? { type: 'folder' });
  put('src', { type: 'folder' });
  for (const name of allPaths(handler)) put(`src/${name}`, handler.get(name) ?? { type: 'folder' });
  return Object.fromEntries([...result].map(([name, what]) => [name, said(what)]));
}

function said(what: TreeNode): string {
  if (what.type === 'folder') return '/';
  if (what.type === 'link') return `-> ${what.target}`;
  return `${what.content.toString('base64')}${what.executable ? '*' : ''}`;
}

async function onDisk(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const full = join(entry.parentPath, entry.name);
    const name = full.slice(root.length + 1);
    if (entry.isDirectory()) found[name] = '/';
    else if (entry.isSymbolicLink()) found[name] = `-> ${await readlink(full)}`;
    else {
      const { mode } = await stat(full);
      found[name] = `${await readFile(full, 'base64')}${mode & 0o100 ? '*' : ''}`;
    }
  }
  return found;
}

/** Damage: bytes changed, a stretch removed or repeated, or the end lost. */
const damage = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('set' as const),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      byte: fc.nat(255),
    }),
    fc.record({
      kind: fc.constantFrom('cut' as const, 'repeat' as const),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.constantFrom(1, 100, 512, 1024, 5000),
    }),
    fc.record({ kind: fc.constant('end' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  ),
  { minLength: 1, maxLength: 4 },
);

describe('a damaged archive', () => {
  it('is stored completely, or refused with a code and nothing kept', async () => {
    const { sources, blobs, kept } = await makeSources({ maxBytes: 1e7, maxFiles: 1000 });
    await fc.assert(
      fc.asyncProperty(packed, damage, chunkSize, fc.boolean(), async (sample, steps, size, zipped) => {
        const whole = pack(sample.tree, sample.packing);
        let bytes: Buffer = zipped ? gzipSync(whole) : whole;
        for (const step of steps) {
          const at = Math.floor(step.at * bytes.length);
          if (step.kind === 'set')
            bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(step.byte), bytes.subarray(at + 1)]);
          else if (step.kind === 'cut')
            bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + step.length)]);
          else if (step.kind === 'repeat')
            bytes = Buffer.concat([bytes.subarray(0, at + step.length), bytes.subarray(at)]);
          else bytes = bytes.subarray(0, at);
        }
        try {
          const { digest } = await sources.ingest(inChunks(bytes, size));
          await blobs.remove(`sources/${digest.slice(7)}.json`);
          await blobs.remove(`sources/${digest.slice(7)}.tar`);
        } catch (error) {
          expect(error).toBeInstanceOf(SlipwayError);
          const { code } = error as SlipwayError;
          expect(errorCodes.filter((known) => known.startsWith('source_'))).toContain(code);
        }
        expect(await kept()).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('is never accepted when its gzip is truncated', async () => {
    const { sources } = await makeSources();
    await fc.assert(
      fc.asyncProperty(packed, fc.double({ min: 0, max: 0.999, noNaN: true }), async (sample, share) => {
        const bytes = gzipSync(pack(sample.tree, sample.packing));
        expect(gunzipSync(bytes).length).toBeGreaterThan(0);
        const cut = bytes.subarray(0, Math.floor(share * bytes.length));
        await expect(sources.ingest(inChunks(cut))).rejects.toMatchObject({ code: 'source_corrupt' });
      }),
      { numRuns: 60 },
    );
  });
});
