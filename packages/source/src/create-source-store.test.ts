import { execFileSync } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { SlipwayError } from '@slipway/shared/errors';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSourceStore } from './create-source-store.js';
import {
  archive,
  expectedDigest,
  file,
  inChunks,
  link,
  makeSources,
  patched,
  type Tree,
  tarEntry,
} from './testing/index.js';

const small = archive(
  tarEntry({ path: 'b/run.sh', mode: 0o4711 }, Buffer.from('#!/bin/sh\n')),
  tarEntry({ path: 'a' }),
);

describe('a stored source that was damaged', () => {
  const damages: Record<string, (path: string) => Promise<unknown>> = {
    'its tar is gone': (path) => rm(`${path}.tar`),
    'its tar is cut short': (path) => truncate(`${path}.tar`, 1024),
    'its tar is empty': (path) => truncate(`${path}.tar`, 0),
    'its manifest is gone': (path) => rm(`${path}.json`),
    'its manifest is cut short': (path) => truncate(`${path}.json`, 90),
    'its manifest belongs to another source': (path) =>
      writeFile(`${path}.json`, '{"version":1,"files":0,"bytes":0,"entries":[\n]}\n'),
    'all of it is gone': async (path) => [await rm(`${path}.tar`), await rm(`${path}.json`)],
  };

  it.each(Object.entries(damages))(
    'is not found, and repaired by the next upload: %s',
    async (_how, damage) => {
      const { sources, directory, reopened } = await makeSourcesAgain();
      const { digest, created } = await sources.ingest(inChunks(small));
      expect(created).toBe(true);
      const path = join(directory, 'sources', digest.slice(7));
      const whole = [await readFile(`${path}.tar`), await readFile(`${path}.json`)];
      await damage(path);
      expect(await reopened().find(digest)).toBeUndefined();
      expect(await sources.ingest(inChunks(small))).toMatchObject({ digest, created: true });
      expect([await readFile(`${path}.tar`), await readFile(`${path}.json`)]).toEqual(whole);
      expect(await reopened().find(digest)).toMatchObject({ digest });
      expect(await sources.ingest(inChunks(small))).toMatchObject({ digest, created: false });
    },
  );
});

describe('a stored source with other bytes of the same length', () => {
  const large = archive(
    tarEntry({ path: 'b' }, Buffer.alloc(1_500_000, 'b')),
    tarEntry({ path: 'a' }, Buffer.alloc(900_000, 'a')),
  );
  const uploads = { 'held in memory': small, 'larger than the memory limit': large };
  /** The position of the changed byte for a length of the tar. */
  const places: Record<string, (length: number) => number> = {
    'in its first header': () => 3,
    'in a file': () => 520,
    'in the middle': (length) => length / 2 + 1,
    'in its last byte': (length) => length - 1,
  };
  const cases = Object.entries(uploads).flatMap(([size, upload]) =>
    Object.entries(places).map(([where, place]) => ({ size, upload, where, place })),
  );

  it.each(cases)('is replaced by the next upload: $size, $where', async ({ upload, place }) => {
    const { sources, directory } = await makeSources();
    const { digest } = await sources.ingest(inChunks(upload));
    const path = join(directory, 'sources', `${digest.slice(7)}.tar`);
    const whole = await readFile(path);
    const damaged = Buffer.from(whole);
    const at = place(whole.length);
    damaged.writeUInt8(whole.readUInt8(at) ^ 0x21, at);
    await writeFile(path, damaged);
    const reading = await sources.openTar(digest);
    onTestFinished(() => reading?.close());

    expect(await sources.ingest(inChunks(upload))).toMatchObject({ digest, created: true });
    expect((await readFile(path)).equals(whole)).toBe(true);
    const read = Buffer.alloc(whole.length);
    await reading?.read(read, 0);
    expect(read.equals(damaged)).toBe(true);
    expect(await sources.ingest(inChunks(upload))).toMatchObject({ digest, created: false });
  });

  it('is kept when an upload is interrupted', async () => {
    const { sources, kept, directory } = await makeSources();
    const { digest } = await sources.ingest(inChunks(large));
    const path = join(directory, 'sources', `${digest.slice(7)}.tar`);
    const damaged = Buffer.alloc((await stat(path)).size);
    await writeFile(path, damaged);
    const body = async function* () {
      yield large.subarray(0, -1024);
      throw new Error('socket hang up');
    };
    await expect(sources.ingest(body())).rejects.toMatchObject({ code: 'body_incomplete' });
    expect((await readFile(path)).equals(damaged)).toBe(true);
    expect((await kept()).length).toBe(2);
  });
});

/** Returns a store, and the same store as another process opens it. */
async function makeSourcesAgain() {
  const made = await makeSources();
  const limits = { maxArchiveBytes: 1e6, maxBytes: 1e6, maxFiles: 100, maxRatio: 100 };
  return { ...made, reopened: () => createSourceStore({ blobs: made.blobs, limits }) };
}

describe('a source store', () => {
  it('hashes exactly the documented manifest, and stores the hashed bytes', async () => {
    const { sources, directory, kept } = await makeSources();
    const { digest, ...rest } = await sources.ingest(
      inChunks(
        archive(tarEntry({ path: './l', type: 'SymbolicLink', linkpath: 'b/"ü' }), small.subarray(0, -1024)),
      ),
    );
    const text = await readFile(join(directory, 'sources', `${digest.slice(7)}.json`), 'utf8');
    expect(text).toBe(
      [
        '{"version":1,"files":3,"bytes":10,"entries":[',
        '{"path":"a","type":"file","mode":"0644","size":0,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},',
        '{"path":"b","type":"folder"},',
        '{"path":"b/run.sh","type":"file","mode":"0755","size":10,"sha256":"a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"},',
        '{"path":"l","type":"link","target":"b/\\"ü"}',
        ']}',
        '',
      ].join('\n'),
    );
    expect(digest).toBe(`sha256:${hash('sha256', text)}`);
    expect(rest).toEqual({ files: 3, bytes: 10, created: true });
    expect((await kept()).length).toBe(2);
  });

  it('finds stored sources by digest', async () => {
    const { sources } = await makeSources();
    const { digest } = await sources.ingest(inChunks(small));
    expect(await sources.find(digest)).toEqual({ digest, files: 2, bytes: 10 });
    expect(await sources.manifest(digest)).toMatchObject({ version: 1, files: 2, bytes: 10 });
    const handle = await sources.openTar(digest);
    const stream = await sources.streamTar(digest);
    expect(Buffer.concat((await stream?.toArray()) ?? []).length).toBe(handle?.bytes);
    await handle?.close();
  });

  it.each([
    `sha256:${'0'.repeat(64)}`,
    'sha256:xyz',
    `sha256:${'A'.repeat(64)}`,
    'sha256:../../../../etc/passwd',
    '',
  ])('finds nothing for %j', async (digest) => {
    const { sources } = await makeSources();
    expect(await sources.find(digest)).toBeUndefined();
    expect(await sources.manifest(digest)).toBeUndefined();
    expect(await sources.openTar(digest)).toBeUndefined();
    expect(await sources.streamTar(digest)).toBeUndefined();
  });

  it('keeps a source once, for any number of uploads and any packing', async () => {
    const { sources, kept } = await makeSources();
    const first = await sources.ingest(inChunks(small));
    const second = await sources.ingest(inChunks(gzipSync(small)));
    expect([first.created, second.created]).toEqual([true, false]);
    expect(second.digest).toBe(first.digest);
    expect((await kept()).length).toBe(2);
  });

  it('accepts the same files in concurrent uploads', async () => {
    const { sources, kept } = await makeSources();
    const large = archive(...[3, 1, 2].map((n) => tarEntry({ path: `f${n}` }, Buffer.alloc(300_000, n))));
    const results = await Promise.all(Array.from({ length: 8 }, () => sources.ingest(inChunks(large))));
    expect(new Set(results.map(({ digest }) => digest)).size).toBe(1);
    expect((await kept()).length).toBe(2);
    const stream = await sources.streamTar(results[0]?.digest ?? '');
    const again = await sources.ingest(stream ?? Readable.from([]));
    expect(again).toMatchObject({ digest: results[0]?.digest, created: false });
  });

  it.each([
    ['small', 10],
    ['larger than the memory limit', 400_000],
  ])('stores the same tar for files that are %s, in order or not', async (_, size) => {
    const content = (n: number) => Buffer.alloc(size, n);
    const entries = ['a', 'b', 'c/d', 'c.e'].map((path, n) => tarEntry({ path }, content(n)));
    const stored = async (order: number[]) => {
      const { sources } = await makeSources();
      const { digest } = await sources.ingest(inChunks(archive(...order.map((n) => entries[n] as Buffer))));
      return Buffer.concat((await (await sources.streamTar(digest))?.toArray()) ?? []);
    };
    // In byte order, `c` and `c.e` come before `c/d`.
    const sorted = await stored([0, 1, 3, 2]);
    expect((await stored([2, 3, 1, 0])).equals(sorted)).toBe(true);
    expect((await stored([0, 1, 2, 3])).equals(sorted)).toBe(true);
    const listed = execFileSync('tar', ['-tf', '-'], { input: sorted, encoding: 'utf8' });
    expect(listed.trim().split('\n')).toEqual(['a', 'b', 'c/', 'c.e', 'c/d']);
  });

  it('holds little of a large source in memory', async () => {
    const { sources, directory } = await makeSources();
    let onDisk = 0;
    const body = (async function* () {
      yield* inChunks(tarEntry({ path: 'f' }, Buffer.alloc(8_000_000)));
      for (const name of await readdir(join(directory, '.tmp'))) {
        onDisk += (await stat(join(directory, '.tmp', name))).size;
      }
      yield Buffer.alloc(1024);
    })();
    await sources.ingest(body);
    // Everything but the pending write and the current buffer.
    expect(onDisk).toBeGreaterThan(6_500_000);
  });

  it('turns hard links into copies, in memory and on disk', async () => {
    for (const size of [10, 700_000]) {
      const { sources } = await makeSources();
      const content = randomBytes(size);
      const { digest, bytes } = await sources.ingest(
        inChunks(
          archive(
            tarEntry({ path: 'm', mode: 0o755 }, content),
            tarEntry({ path: 'a', type: 'Link', linkpath: './m' }),
            tarEntry({ path: 'z', type: 'Link', linkpath: 'a' }),
          ),
        ),
      );
      const copies: Tree = new Map(['a', 'm', 'z'].map((path) => [path, file(content, true)]));
      expect(digest).toBe(expectedDigest(copies));
      expect(bytes).toBe(3 * size);
      const tar = Buffer.concat((await (await sources.streamTar(digest))?.toArray()) ?? []);
      for (const name of ['a', 'm', 'z']) {
        const copy = execFileSync('tar', ['-xOf', '-', name], { input: tar, maxBuffer: 1e7 });
        expect(copy.equals(content)).toBe(true);
      }
    }
  });

  it('keeps links within the archive, even to missing files', async () => {
    const { sources } = await makeSources();
    const targets = { l1: 'd/x', 'd/l2': '../d/./x', l3: 'nowhere/at/all', l4: 'd', 'd/l5': '../l4/../l1' };
    const tree: Tree = new Map([
      ['d/x', file('x')],
      ...Object.entries(targets).map(([path, target]) => [path, link(target)] as const),
    ]);
    const links = Object.entries(targets).map(([path, linkpath]) =>
      tarEntry({ path, type: 'SymbolicLink', linkpath }),
    );
    const { digest } = await sources.ingest(
      inChunks(archive(...links, tarEntry({ path: 'd/x' }, Buffer.from('x')))),
    );
    expect(digest).toBe(expectedDigest(tree));
  });

  it('reads sizes in base 256, the form of GNU tar for large ones', async () => {
    const { sources } = await makeSources();
    const entry = patched(tarEntry({ path: 'f' }, Buffer.alloc(700)), (block) => {
      block.fill(0, 124, 136);
      block[124] = 0x80;
      block.writeUInt16BE(700, 134);
    });
    expect(await sources.ingest(inChunks(archive(entry)))).toMatchObject({ files: 1, bytes: 700 });
  });

  it('reads the size of a nine-gibibyte file, and refuses it', async () => {
    const { sources } = await makeSources({ maxBytes: 1e9 });
    const entry = tarEntry({ path: 'f', size: 9 * 2 ** 30 });
    await expect(sources.ingest(inChunks(entry))).rejects.toMatchObject({ code: 'source_too_large' });
  });
});

describe('an interrupted upload', () => {
  it('is body_incomplete, with the cause, when the body fails', async () => {
    const { sources, kept } = await makeSources();
    const cause = new Error('socket hang up');
    const body = (async function* () {
      yield small.subarray(0, 700);
      throw cause;
    })();
    await expect(sources.ingest(body)).rejects.toMatchObject({ code: 'body_incomplete', cause });
    expect(await kept()).toEqual([]);
  });

  it('is body_incomplete in the middle of gzip too', async () => {
    const { sources, kept } = await makeSources();
    const packed = gzipSync(archive(tarEntry({ path: 'f' }, randomBytes(100_000))));
    const body = (async function* () {
      yield packed.subarray(0, 50_000);
      throw new Error('socket hang up');
    })();
    await expect(sources.ingest(body)).rejects.toMatchObject({ code: 'body_incomplete' });
    expect(await kept()).toEqual([]);
  });

  it('keeps the code of a body that fails with one', async () => {
    const { sources } = await makeSources();
    const body = Readable.from(
      (async function* () {
        yield small.subarray(0, 700);
        throw new SlipwayError('request_invalid', 'not multipart');
      })(),
    );
    await expect(sources.ingest(body)).rejects.toMatchObject({ code: 'request_invalid' });
  });

  it('is noticed when an HTTP client disconnects', async () => {
    const { sources, kept } = await makeSources();
    let settled: (outcome: unknown) => void = () => {};
    const outcome = new Promise((resolve) => {
      settled = resolve;
    });
    const server = createServer((req: IncomingMessage) => {
      sources.ingest(req).then(settled, settled);
      req.once('data', () => client.destroy());
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n');
    client.write(small.subarray(0, 700));
    expect(await outcome).toMatchObject({ code: 'body_incomplete' });
    expect(await kept()).toEqual([]);
  });

  it('rejects with the reason of its signal, even while the body is silent', async () => {
    const { sources, kept } = await makeSources();
    const stop = new AbortController();
    const body = new PassThrough();
    body.write(small.subarray(0, 700));
    const ingested = sources.ingest(body, { signal: stop.signal });
    const reason = new Error('the request took too long');
    setImmediate(() => stop.abort(reason));
    await expect(ingested).rejects.toBe(reason);
    expect(await kept()).toEqual([]);
    await expect(sources.ingest(body, { signal: stop.signal })).rejects.toBe(reason);
  });

  it.each([
    ['nonsense', Buffer.from('nonsense'.repeat(100))],
    ['nonsense in gzip', gzipSync('nonsense'.repeat(100))],
    ['gzip in gzip', gzipSync(gzipSync(small))],
    ['zstd', Buffer.from('\x28\xb5\x2f\xfd\x04\x58\x09\0', 'latin1')],
  ])('is refused at once for %s, without destroying the request', async (_, bytes) => {
    const { sources } = await makeSources();
    // Never ends, so reading the rest would hang.
    const body = new PassThrough();
    body.write(bytes);
    await expect(sources.ingest(body)).rejects.toMatchObject({ code: 'source_corrupt' });
    expect(body.destroyed).toBe(false);
    body.destroy();
  });
});
