import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '@slipway/local';
import { type BlobStore, openBlobStore } from '@slipway/shared/blobs';
import { createSourceStore, type SourceStore } from '@slipway/source';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { slipway } from '../testing/command-line.js';
import { copyBlobs, noProgress } from './copy-blobs.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

const limits = { maxArchiveBytes: 2 ** 30, maxBytes: 2 ** 30, maxFiles: 1_000, maxRatio: 1_000 };
let number = 0;
let stores: { readonly from: string; readonly to: string };
let from: BlobStore;
let to: BlobStore;
let sources: SourceStore;

beforeEach(async () => {
  const place = join(folder.path, String(++number));
  const [a, b] = [join(place, 'a'), join(place, 'b')];
  stores = { from: pathToFileURL(a).href, to: pathToFileURL(b).href };
  from = await openBlobStore(stores.from);
  to = await openBlobStore(stores.to);
  sources = createSourceStore({ blobs: from, limits });
});

const copy = (...options: string[]) => slipway(['blobs', 'copy', stores.from, stores.to, ...options]);
const fileOf = (store: string, key: string) => join(new URL(store).pathname, key);
const keyOf = (digest: string, suffix: 'tar' | 'json') => `sources/${digest.slice(7)}.${suffix}`;

test('copies sources and logs byte for byte, and the next run copies nothing', async () => {
  const digests = [await addSource(10), await addSource(3_000_000)];
  const logs = ['logs/AB/job_1.1.log', 'logs/CD/job_2.1.log'];
  for (const key of logs) await from.write(key, [randomBytes(70_000)]);
  const first = await copy('--json');
  expect(first).toMatchObject({ exit: 0, err: '' });
  const counts = { changed: 0, damaged: 0 };
  expect(JSON.parse(first.out)).toEqual({
    sources: { ...counts, copied: 2, copied_bytes: expect.any(Number), present: 0 },
    logs: { ...counts, copied: 2, copied_bytes: 140_000, present: 0 },
  });
  const keys = [...logs, ...digests.flatMap((digest) => [keyOf(digest, 'tar'), keyOf(digest, 'json')])];
  for (const key of keys)
    expect(readFileSync(fileOf(stores.to, key)).equals(readFileSync(fileOf(stores.from, key)))).toBe(true);
  const second = await copy();
  expect(second).toMatchObject({
    exit: 0,
    out: 'sources: 0 copied (0 B), 2 present\nlogs: 0 copied (0 B), 2 present\n',
  });
});

test('copies what is new and what was written again', async () => {
  await addSource(10);
  await from.write('logs/AB/job_1.1.log', [Buffer.from('begun')]);
  await copy();
  await addSource(20);
  await from.write('logs/AB/job_1.1.log', [Buffer.from('ended')]);
  await from.write('logs/AB/job_2.1.log', [Buffer.from('new')]);
  expect(await copy()).toMatchObject({
    exit: 0,
    out: expect.stringMatching(/^sources: 1 copied .*, 1 present\nlogs: 2 copied \(8 B\), 0 present$/m),
  });
  expect(readFileSync(fileOf(stores.to, 'logs/AB/job_1.1.log'), 'utf8')).toBe('ended');
});

test('copies one kind only', async () => {
  await addSource(10);
  await from.write('logs/AB/job_1.1.log', [Buffer.from('log')]);
  expect(await copy('--only', 'logs')).toMatchObject({ exit: 0, out: 'logs: 1 copied (3 B), 0 present\n' });
  expect(await to.stat('logs/AB/job_1.1.log')).toMatchObject({ bytes: 3 });
});

test.each([
  ['content', (tar: Buffer) => tar.fill(0x21, 1_030, 1_040)],
  ['header', (tar: Buffer) => tar.fill(0xff, 512, 600)],
])('a source with damaged %s is left out and reported', async (_, damage) => {
  const digest = await addSource(2_000);
  const good = await addSource(10);
  const tar = fileOf(stores.from, keyOf(digest, 'tar'));
  writeFileSync(tar, damage(readFileSync(tar)));
  const { exit, err, out } = await copy('--json');
  expect({ exit, err }).toEqual({ exit: 1, err: expect.stringMatching(`^damaged: ${digest}: `) });
  expect(JSON.parse(out)).toMatchObject({ sources: { copied: 1, damaged: 1 } });
  expect(await to.stat(keyOf(digest, 'json'))).toBeUndefined();
  expect(await to.stat(keyOf(good, 'json'))).toBeDefined();
});

test('half of an upload is left out', async () => {
  const digest = await addSource(10);
  rmSync(fileOf(stores.from, keyOf(digest, 'tar')));
  expect(await copy()).toMatchObject({
    exit: 0,
    out: expect.stringContaining('1 blob incomplete, removed or changed meanwhile'),
  });
});

test('a source that lacks its manifest in the other store is copied again', async () => {
  const digest = await addSource(10);
  await copy();
  rmSync(fileOf(stores.to, keyOf(digest, 'json')));
  expect(await copy()).toMatchObject({ out: expect.stringContaining('sources: 1 copied') });
  expect(await to.stat(keyOf(digest, 'json'))).toBeDefined();
});

test('an interrupted run leaves complete blobs, and the next one copies the rest', async () => {
  for (let n = 0; n < 8; n++) await addSource(200_000);
  const stopping = new AbortController();
  const progress = noProgress();
  const stopped = {
    ...to,
    adopt: async (blobs: Parameters<BlobStore['adopt']>[0]) => {
      const outcome = await to.adopt(blobs);
      if (progress.sources.copied >= 2) stopping.abort(new Error('stopped'));
      return outcome;
    },
  };
  const options = { from, concurrency: 2, progress };
  await expect(copyBlobs({ ...options, to: stopped, signal: stopping.signal })).rejects.toThrow('stopped');
  const { copied } = progress.sources;
  expect(copied).toBeLessThan(8);
  const { out } = await copy('--json');
  const { sources: counts } = JSON.parse(out) as { sources: { copied: number; present: number } };
  expect(counts.copied + counts.present).toBe(8);
  expect(counts.present).toBeGreaterThanOrEqual(copied);
});

test('a store that cannot be opened ends the command', async () => {
  await addSource(10);
  // A file is where the folder would be.
  const place = join(folder.path, `file-${number}`);
  writeFileSync(place, '');
  const { exit, err } = await slipway(['blobs', 'copy', stores.from, pathToFileURL(place).href]);
  expect({ exit, err }).toEqual({ exit: 1, err: expect.stringMatching(/^error: (ENOTDIR|EEXIST): .*\n$/) });
});

test.each([
  [
    ['blobs', 'copy', 'file:///no/such/folder', 'file:///tmp/x'],
    /the folder \/no\/such\/folder does not exist/,
  ],
  [['blobs', 'copy', 'ftp://x', 'file:///tmp/x'], /<from> must be file:\/\/\/folder.*not 'ftp:/],
  [['blobs', 'copy', 'file:///tmp', 'file:///tmp'], /the same store/],
  [['blobs', 'copy', 'file:///tmp'], /missing required argument 'to'/],
  [
    ['blobs', 'copy', 'file:///tmp', 'file:///tmp/x', '--only', 'images'],
    /Allowed choices are sources, logs/,
  ],
])('refuses %j', async (argv, message) => {
  expect(await slipway(argv)).toMatchObject({ exit: 2, err: expect.stringMatching(message) });
});

/** Adds a source with a file of random bytes. Returns its digest. */
async function addSource(bytes: number): Promise<string> {
  const context = join(folder.path, 'context');
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'data'), randomBytes(bytes));
  const packed = await promisify(execFile)('tar', ['-C', context, '-c', '.'], {
    encoding: 'buffer',
    maxBuffer: 2 ** 28,
  });
  const { digest } = await sources.ingest(Readable.from([packed.stdout]));
  return digest;
}
