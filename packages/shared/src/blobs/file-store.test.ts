import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readEnv } from '../config/index.js';

import { FileScratch, temporaryName } from './file-scratch.js';
import { blobStoreConfig, openBlobStore } from './index.js';
import { blobStoreConformance } from './testing/index.js';

const create = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-blobs-'));
  const store = await openBlobStore(pathToFileURL(directory).href);
  return {
    directory,
    store,
    interrupt: async () => await (await store.scratch()).write(Buffer.from('half')),
    leftovers: async () => (await readdir(join(directory, '.tmp'))).length,
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
};

blobStoreConformance({ name: 'the file store', create });

describe('the file store', () => {
  const disposals: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const dispose of disposals.splice(0)) await dispose();
  });
  const make = async () => {
    const made = await create();
    disposals.push(made.dispose);
    return made;
  };

  it('keeps a blob as a plain file at its key', async () => {
    const { directory, store } = await make();
    await store.write('logs/job_1.txt', [Buffer.from('line\n')]);
    expect(await readFile(join(directory, 'logs/job_1.txt'), 'utf8')).toBe('line\n');
  });

  it('sweeps the temporary files of dead processes at once, and leaves files of unknown processes', async () => {
    const { directory, store } = await make();
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const [habitat] = temporaryName().split('.');
    const names = {
      dead: `${habitat}.${dead}.00`,
      living: `${habitat}.${process.ppid}.00`,
      elsewhere: `00000000-1.${dead}.00`,
    };
    for (const name of Object.values(names)) await writeFile(join(directory, '.tmp', name), 'half');
    expect(await store.sweep()).toBe(1);
    expect((await readdir(join(directory, '.tmp'))).sort()).toEqual([names.elsewhere, names.living].sort());
  });

  it('sweeps the old git repositories of earlier versions, and the folder they were in', async () => {
    const { directory, store } = await make();
    const work = join(directory, '.git-work');
    await mkdir(join(work, 'fetch-a/bare'), { recursive: true });
    await writeFile(join(work, 'fetch-a/bare/pack'), 'objects');
    expect(await store.sweep()).toBe(0);
    expect(await readdir(work)).toEqual(['fetch-a']);
    expect(await store.sweep({ olderThanMs: 0 })).toBe(1);
    expect(await readdir(directory)).toEqual(['.tmp']);
  });

  it('sweeps what was written within the current millisecond: times of files are finer than the clock', async () => {
    const { directory, store } = await make();
    const leftover = join(directory, '.tmp', 'of-another-machine');
    await writeFile(leftover, 'half');
    const seconds = 1_800_000_000;
    await utimes(leftover, seconds, seconds + 0.0009);
    vi.useFakeTimers({ toFake: ['Date'], now: seconds * 1_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await store.sweep({ olderThanMs: 1 })).toBe(0);
    expect(await store.sweep({ olderThanMs: 0 })).toBe(1);
  });

  it.each([
    ['an empty folder, as of a file system that is not mounted', (path: string) => mkdir(path)],
    ['a file', (path: string) => writeFile(path, '')],
    ['nothing', async () => undefined],
  ])('rejects with storage_unavailable while its folder is replaced by %s', async (_what, replace) => {
    const { directory, store } = await make();
    await store.write('logs/a', [Buffer.from('x')]);
    const scratch = await store.scratch();
    await rename(directory, `${directory}.away`);
    await replace(directory);
    const away = { code: 'storage_unavailable' };
    const list = async () => {
      for await (const _page of store.list('logs'));
    };
    await expect(store.open('logs/a')).rejects.toMatchObject(away);
    await expect(store.stream('logs/a')).rejects.toMatchObject(away);
    await expect(store.stat('logs/a')).rejects.toMatchObject(away);
    await expect(store.remove('logs/a')).rejects.toMatchObject(away);
    await expect(store.removeAll(['logs/a'])).rejects.toMatchObject(away);
    await expect(list()).rejects.toMatchObject(away);
    await expect(store.scratch()).rejects.toMatchObject(away);
    await expect(store.write('logs/b', [Buffer.from('x')])).rejects.toMatchObject(away);
    await expect(store.adopt([{ scratch, key: 'sources/a' }])).rejects.toMatchObject(away);
    await rm(directory, { recursive: true, force: true });
    await rename(`${directory}.away`, directory);
    expect(await store.stat('logs/a')).toMatchObject({ bytes: 1 });
    expect(await store.stat('sources/a')).toBeUndefined();
    expect(await readdir(join(directory, 'logs'))).toEqual(['a']);
  });

  it('reports a full disk as storage_full and leaves nothing', async () => {
    const { directory } = await make();
    const path = join(directory, 'marker');
    await writeFile(path, '');
    // Every write to /dev/full fails as on a full disk.
    const scratch = new FileScratch({ handle: await open('/dev/full', 'r+'), path, root: directory });
    await expect(scratch.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'storage_full' });
    await scratch.discard();
    expect(await readdir(directory)).not.toContain('marker');
  });

  it('discards the file when it cannot be adopted', async () => {
    const { leftovers, store } = await make();
    await store.write('taken/below', [Buffer.from('x')]);
    const blobs = [
      { scratch: await store.scratch(), key: 'before' },
      { scratch: await store.scratch(), key: 'taken' },
      { scratch: await store.scratch(), key: 'after' },
    ];
    await expect(store.adopt(blobs)).rejects.toThrow();
    expect(await store.stat('before')).toBeDefined();
    expect(await store.stat('after')).toBeUndefined();
    expect(await leftovers()).toBe(0);
  });
});

describe('BLOB_STORE', () => {
  const read = (BLOB_STORE: string) => readEnv({ BLOB_STORE }, blobStoreConfig);

  it('takes a file URL', () => {
    expect(read('file:///var/lib/slipway')).toMatchObject({ blobStore: 'file:///var/lib/slipway' });
  });

  it.each([
    ['ftp://key:word@host/', "BLOB_STORE must be file:///folder or s3://.*, not 'ftp://…'"],
    ['/var/lib/slipway', "not '/var/lib/slipway'"],
    ['file://host/dir', 'BLOB_STORE .*host'],
  ])('refuses %s with a reason', (url, reason) => {
    expect(() => read(url)).toThrow(new RegExp(reason));
  });

  it('is checked again when the store is opened', async () => {
    await expect(openBlobStore('ftp://x/')).rejects.toThrow("not 'ftp://…'");
    await expect(openBlobStore('file:///proc/x')).rejects.toThrow('ENOENT');
  });
});
