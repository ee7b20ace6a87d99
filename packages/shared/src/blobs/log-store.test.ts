import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BlobStore, openBlobStore } from './index.js';

const log = 'logs/ab/job.1.log';
const source = 'sources/1.tar';
let folder: string;
let store: BlobStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-logs-'));
  const url = (name: string) => pathToFileURL(join(folder, name)).href;
  store = await openBlobStore(url('others'), { logs: url('logs') });
});
afterEach(() => rm(folder, { recursive: true }));

const filesIn = async (name: string): Promise<string[]> =>
  (await readdir(join(folder, name), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

it('keeps logs in their own store, and everything else in the other', async () => {
  await store.write(log, [Buffer.from('line')]);
  await store.write('logs-of-others/x', [Buffer.from('x')]);
  const scratch = await store.scratch();
  await scratch.write(Buffer.from('tar'));
  expect(await store.adopt([{ scratch, key: source }])).toEqual(['created']);
  expect(await filesIn('logs')).toEqual(['job.1.log']);
  expect((await filesIn('others')).sort()).toEqual(['1.tar', 'x']);
  expect(await store.stat(log)).toMatchObject({ bytes: 4 });
  expect(((await (await store.stream(log))?.toArray()) ?? []).join('')).toBe('line');
  expect(await store.stat(source)).toMatchObject({ bytes: 3 });
  expect(await store.capacity?.()).toMatchObject({ freeBytes: expect.any(Number) });
});

it('lists, removes and sweeps in both', async () => {
  for (const key of [log, source, 'sources/2.tar']) await store.write(key, []);
  const listed = async (folder: string) => {
    const keys: string[] = [];
    for await (const page of store.list(folder)) keys.push(...page);
    return keys;
  };
  expect([await listed('logs'), (await listed('sources')).sort()]).toEqual([
    [log],
    [source, 'sources/2.tar'],
  ]);
  await store.remove('sources/2.tar');
  await store.removeAll([log, source]);
  expect([await filesIn('logs'), await filesIn('others')]).toEqual([[], []]);
  const scratch = await store.scratch();
  expect(await store.sweep({ olderThanMs: 0 })).toBe(1);
  await scratch.discard();
});

it('adopts no log, because scratches are in the other store', async () => {
  const scratch = await store.scratch();
  await expect(store.adopt([{ scratch, key: log }])).rejects.toThrow(RangeError);
  expect(await filesIn('others')).toEqual([]);
});
