import { type FileHandle, open, opendir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { infrastructureFault } from '../errors/index.js';
import { makeFolder } from '../folders/index.js';
import {
  type Adopted,
  type BlobHandle,
  type BlobStore,
  type BlobStoreDefinition,
  checkKey,
  type Scratch,
} from './blob-store.js';
import { DiskFloor, diskSpace } from './disk-floor.js';
import { coded, found, unlessMissing } from './file-faults.js';
import { FileScratch, FolderSyncs, temporaryName, writerIsGone } from './file-scratch.js';
import { readFully } from './scratch-file.js';

const day = 24 * 60 * 60 * 1000;
const listedAtOnce = 1_000;
/** The folder in which earlier images of the API fetched git repositories. */
const earlierGitFolder = '.git-work';

/** A folder of the machine, or of a file system that the services share. */
export const fileBlobStore: BlobStoreDefinition = {
  scheme: 'file',
  form: 'file:///folder',
  doc: 'the same folder for all APIs and workers',
  check: (url) => void fileURLToPath(url),
  open({ url, minFreeBytes }) {
    const directory = fileURLToPath(url);
    const space = () => diskSpace(directory);
    const floor = new DiskFloor({ minFreeBytes, space, now: () => performance.now() });
    return openFileBlobStore({ directory, floor });
  },
};

interface FileStoreOptions {
  readonly directory: string;
  /** Refuses large writes when the disk is nearly full. */
  readonly floor?: DiskFloor | undefined;
}

/**
 * Opens a store with one file per blob below a folder; the key is the path. Writers fill a file in `.tmp` on the same file system,
 * fsync it, give it the name of its key, and fsync the folder. Several processes may share the folder.
 */
export async function openFileBlobStore({ directory, floor }: FileStoreOptions): Promise<BlobStore> {
  const root = resolve(directory);
  const temporary = join(root, '.tmp');
  const syncs = new FolderSyncs();
  try {
    await makeFolder(temporary);
  } catch (error) {
    // At the start an operator reads the words of the system.
    throw infrastructureFault(error) ?? error;
  }

  const pathOf = (key: string): string => {
    checkKey(key);
    return `${root}/${key}`;
  };

  const scratch = async (): Promise<FileScratch> => {
    const path = join(temporary, temporaryName());
    const handle = await coded(open(path, 'wx+', 0o644));
    return new FileScratch({ handle, path, root, floor });
  };

  return {
    scratch,
    capacity: () => diskSpace(root),

    async write(key, data, { durable = true } = {}) {
      checkKey(key);
      const file = await scratch();
      try {
        for await (const chunk of data) await file.write(chunk);
        if (durable) await file.sync();
        const folder = await file.rename(key);
        if (durable) await syncs.sync(folder);
        return { bytes: file.bytes };
      } finally {
        await file.discard();
      }
    },

    async adopt(blobs) {
      const files = blobs.map((blob) => ({ key: blob.key, file: ownScratch(blob.scratch) }));
      const outcomes: Adopted[] = [];
      try {
        for (const { key } of files) checkKey(key);
        await Promise.all(files.map(({ file }) => file.sync()));
        const folders = new Set<string>();
        for (const { key, file } of files) {
          const { folder, adopted } = await file.link(key);
          folders.add(folder);
          outcomes.push(adopted);
        }
        for (const folder of folders) await syncs.sync(folder);
      } finally {
        for (const { file } of files) await file.discard();
      }
      return outcomes;
    },

    async open(key): Promise<BlobHandle | undefined> {
      const handle = await found(open(pathOf(key), 'r'), temporary);
      if (handle === undefined) return undefined;
      const { size } = await closingOnError(handle, handle.stat());
      return {
        bytes: size,
        read: (buffer, position) => readFully(handle, buffer, position),
        close: () => handle.close(),
      };
    },

    async stream(key, { start = 0, end } = {}): Promise<Readable | undefined> {
      const handle = await found(open(pathOf(key), 'r'), temporary);
      if (handle === undefined) return undefined;
      const { size } = await closingOnError(handle, handle.stat());
      const stop = Math.min(end ?? size, size);
      // The inclusive `end` of fs streams cannot express an empty range.
      if (start >= stop) {
        await handle.close();
        return Readable.from([]);
      }
      return handle.createReadStream({ start, end: stop - 1 });
    },

    async stat(key) {
      const file = await found(stat(pathOf(key)), temporary);
      return file?.isFile() ? { bytes: file.size, modified: file.mtime } : undefined;
    },

    async remove(key) {
      await found(rm(pathOf(key)), temporary);
    },

    async removeAll(keys, { signal } = {}) {
      for (const path of keys.map(pathOf)) {
        signal?.throwIfAborted();
        await coded(rm(path, { force: true }));
      }
      // Nothing is removed from a folder that is away.
      await coded(stat(temporary));
    },

    async *list(folder) {
      const path = pathOf(folder);
      let page: string[] = [];
      for await (const key of filesBelow(path, folder, temporary)) {
        page.push(key);
        if (page.length < listedAtOnce) continue;
        yield page;
        page = [];
      }
      if (page.length > 0) yield page;
    },

    async sweep({ olderThanMs = day } = {}) {
      const removed = await sweepFolder(temporary, (name) => writerIsGone(name) === true, olderThanMs);
      const before = join(root, earlierGitFolder);
      const repositories = await sweepFolder(before, () => false, olderThanMs);
      // A folder with content stays.
      await rmdir(before).catch(() => undefined);
      return removed + repositories;
    },
  };
}

/** Removes the entries of a folder that are leftovers or that have not changed for a time. Returns their number. */
async function sweepFolder(
  folder: string,
  isLeftover: (name: string) => boolean,
  olderThanMs: number,
): Promise<number> {
  let removed = 0;
  for (const name of (await coded(unlessMissing(readdir(folder)))) ?? []) {
    const path = join(folder, name);
    const entry = await unlessMissing(stat(path));
    if (entry === undefined) continue;
    // Times of files are finer than those of `Date.now()`, which is a whole number.
    if (Date.now() - Math.floor(entry.mtimeMs) < olderThanMs && !isLeftover(name)) continue;
    await rm(path, { recursive: true, force: true });
    removed++;
  }
  return removed;
}

async function* filesBelow(path: string, key: string, marker: string): AsyncGenerator<string> {
  const folder = await found(opendir(path, { bufferSize: listedAtOnce }), marker);
  if (folder === undefined) return;
  for await (const entry of folder) {
    const below = `${key}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(`${path}/${entry.name}`, below, marker);
    else if (entry.isFile()) yield below;
  }
}

function ownScratch(scratch: Scratch): FileScratch {
  if (scratch instanceof FileScratch) return scratch;
  throw new TypeError('the scratch belongs to another store');
}

async function closingOnError<T>(handle: FileHandle, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    await handle.close();
    throw error;
  }
}
