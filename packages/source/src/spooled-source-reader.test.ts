import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '@slipway/shared/blobs';
import { Secret } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import { describe, expect, it } from 'vitest';
import { cacheSources } from './cached-source-reader.js';
import { createSourceReader, createSourceStore } from './create-source-store.js';
import { createPayload } from './payload.js';
import type { SourceReader } from './source-store.js';
import { spoolSources } from './spooled-source-reader.js';
import { countBlobs } from './testing/counting-blobs.js';
import { allPaths, file, inChunks, makeSources, pack } from './testing/index.js';

const mebibyte = 1024 * 1024;
const limits = { maxArchiveBytes: 1e9, maxBytes: 1e9, maxFiles: 100_000, maxRatio: 200 };
const archiveOf = (bytes: number, content: Buffer = randomBytes(bytes)) => {
  const tree = new Map([
    ['Dockerfile', file('FROM scratch\n')],
    ['data', file(content)],
  ]);
  return pack(tree, { order: allPaths(tree), folders: true, dotted: false, metadata: {}, modeBits: 0o644 });
};
const keyOf = (digest: string) => `sources/${digest.slice('sha256:'.length)}.tar`;

async function setUp({ maxBytes = 16 * mebibyte, changed = (blobs: BlobStore) => blobs } = {}) {
  const { directory, blobs: real } = await makeSources();
  const { blobs, counts } = countBlobs(changed(real));
  const sources = createSourceStore({ blobs, limits });
  const upload = async (bytes: number) => (await sources.ingest(inChunks(archiveOf(bytes)))).digest;
  const spool = spoolSources({ sources: createSourceReader({ blobs }), blobs, maxBytes });
  return {
    ...{ real, blobs, counts, sources, spool, upload },
    /** Bytes of the stored tar that the store has served, in tars. */
    async timesRead(digest: string) {
      const tar = await real.stat(keyOf(digest));
      return (counts.bytes.get(keyOf(digest)) ?? 0) / (tar?.bytes ?? 0);
    },
    temporary: () => readdir(join(directory, '.tmp')),
  };
}

/** Signs a payload and sends it to some replicas, as an attempt does. */
async function attempt(sources: SourceReader, digest: string, replicas = 1): Promise<Buffer> {
  const config = { image: 'r.example/a:1', buildArgs: {} };
  const payload = await createPayload({ sources, config, layers: [{ digest, at: 'context' }] });
  await payload.sign(new Secret('secret'));
  const chunks: Buffer[] = [];
  for (let replica = 0; replica < replicas; replica++) {
    chunks.length = 0;
    for await (const chunk of payload.stream()) chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

describe('a large source', () => {
  it('is read once for signing, sending and another replica, and not at all for the next attempt', async () => {
    const { spool, upload, timesRead, blobs } = await setUp();
    const digest = await upload(3 * mebibyte);
    const cached = cacheSources({ sources: spool.sources });
    const sent = await attempt(cached, digest, 2);
    expect(await timesRead(digest)).toBe(1);
    expect((await attempt(cached, digest)).equals(sent)).toBe(true);
    expect(await timesRead(digest)).toBe(1);
    // The same without the spool.
    expect((await attempt(createSourceReader({ blobs }), digest)).equals(sent)).toBe(true);
    expect(await timesRead(digest)).toBeGreaterThan(2.9);
    await spool.close();
  });

  it('is read once by concurrent attempts', async () => {
    const { spool, upload, timesRead } = await setUp();
    const digest = await upload(2 * mebibyte);
    await Promise.all(Array.from({ length: 10 }, () => attempt(spool.sources, digest)));
    expect(await timesRead(digest)).toBe(1);
    await spool.close();
  });

  it('is read from the store when the local disk has no room for it', async () => {
    const { spool, upload, timesRead, temporary } = await setUp({ maxBytes: mebibyte });
    const digest = await upload(2 * mebibyte);
    await attempt(spool.sources, digest);
    expect(await timesRead(digest)).toBeGreaterThan(1.9);
    expect(await temporary()).toEqual([]);
  });

  it('is read from the store when the local disk is full', async () => {
    const changed = (blobs: BlobStore): BlobStore => ({
      ...blobs,
      async scratch() {
        const scratch = await blobs.scratch();
        scratch.write = () => Promise.reject(new SlipwayError('storage_full'));
        return scratch;
      },
    });
    const { real, spool, temporary, sources } = await setUp({ changed });
    await expect(sources.ingest(inChunks(archiveOf(2 * mebibyte)))).rejects.toMatchObject({
      code: 'storage_full',
    });
    const { digest } = await createSourceStore({ blobs: real, limits }).ingest(
      inChunks(archiveOf(2 * mebibyte)),
    );
    expect((await attempt(spool.sources, digest)).length).toBeGreaterThan(2 * mebibyte);
    expect(await temporary()).toEqual([]);
  });

  it('makes room for another one, but stays readable while it is open', async () => {
    const { spool, upload, timesRead, temporary } = await setUp({ maxBytes: 5 * mebibyte });
    const [first, second, third] = [
      await upload(2 * mebibyte),
      await upload(2 * mebibyte),
      await upload(2 * mebibyte),
    ];
    await attempt(spool.sources, first);
    const handle = await spool.sources.openTar(second);
    await attempt(spool.sources, third);
    expect(await temporary()).toHaveLength(2);
    await attempt(spool.sources, second);
    for (const digest of [first, second, third]) expect(await timesRead(digest)).toBe(1);
    await attempt(spool.sources, first);
    expect(await timesRead(first)).toBe(2);
    await spool.close();
    expect(await handle?.read(Buffer.alloc(512), 0)).toBe(512);
    await handle?.close();
    await expect.poll(temporary).toEqual([]);
  });

  it('is read again after the store broke off, and leaves nothing meanwhile', async () => {
    let breaks = true;
    const changed = (blobs: BlobStore): BlobStore => ({
      ...blobs,
      async stream(key) {
        const stream = await blobs.stream(key);
        if (breaks) stream?.once('data', () => stream.destroy(new SlipwayError('storage_unavailable')));
        return stream;
      },
    });
    const { spool, upload, temporary } = await setUp({ changed });
    const digest = await upload(2 * mebibyte);
    await expect(attempt(spool.sources, digest)).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect.poll(temporary).toEqual([]);
    breaks = false;
    expect((await attempt(spool.sources, digest)).length).toBeGreaterThan(2 * mebibyte);
    await spool.close();
  });
});

describe('requests to the store', () => {
  const knowingHashes = (blobs: BlobStore): BlobStore => ({
    ...blobs,
    async stat(key) {
      const [stat, stream] = [await blobs.stat(key), await blobs.stream(key)];
      const sha256 = createHash('sha256');
      for await (const chunk of stream ?? []) sha256.update(chunk as Buffer);
      return stat && { ...stat, sha256: sha256.digest('hex') };
    },
  });

  it('for an upload: a look, the tar and the manifest; for one that is stored, no tar', async () => {
    const { sources, counts, timesRead } = await setUp({ changed: knowingHashes });
    const archive = archiveOf(2 * mebibyte);
    const { digest } = await sources.ingest(inChunks(archive));
    expect(counts.calls).toEqual({ stream: 1, adopt: 2 });
    expect(await sources.ingest(inChunks(archive))).toMatchObject({ digest, created: false });
    expect(counts.calls).toEqual({ stream: 2, stat: 1, adopt: 2 });
    expect(await timesRead(digest)).toBe(0);
  });

  it('for a job: none at the API after the upload, two streams at the worker for a small source, once', async () => {
    const { sources, counts, blobs } = await setUp();
    const { digest } = await sources.ingest(inChunks(archiveOf(1_000)));
    const before = { ...counts.calls };
    expect(await sources.find(digest)).toBeDefined();
    expect(counts.calls).toEqual(before);
    const cached = cacheSources({ sources: createSourceReader({ blobs }) });
    for (let job = 0; job < 5; job++) await attempt(cached, digest);
    expect(counts.calls).toEqual({ ...before, stream: 3 });
  });

  it('replace a tar whose hash differs, although its length is right', async () => {
    const { sources, real } = await setUp({ changed: knowingHashes });
    const archive = archiveOf(100_000);
    const { digest } = await sources.ingest(inChunks(archive));
    const { bytes = 0 } = (await real.stat(keyOf(digest))) ?? {};
    await real.write(keyOf(digest), [Buffer.alloc(bytes)]);
    expect(await sources.ingest(inChunks(archive))).toMatchObject({ digest, created: true });
    expect((await attempt(sources, digest)).length).toBeGreaterThan(100_000);
  });
});
