import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { Adopted, Scratch } from './blob-store.js';
import type { DiskFloor } from './disk-floor.js';
import { coded, unlessMissing } from './file-faults.js';
import { readFully, ScratchFile } from './scratch-file.js';

interface FileScratchOptions {
  readonly handle: FileHandle;
  /** The temporary file's path. */
  readonly path: string;
  /** The store's folder, on the same file system. */
  readonly root: string;
  readonly floor?: DiskFloor | undefined;
}

const comparedBytes = 256 * 1024;
/** The key has a file, or the file system has no hard links (FAT, SMB): then the check and the rename are two steps. */
const linkRefusals: readonly string[] = ['EEXIST', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** A temporary file that becomes a blob by a link or a rename. */
export class FileScratch implements Scratch {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #root: string;
  readonly #file: ScratchFile;
  #ended = false;

  constructor({ handle, path, root, floor }: FileScratchOptions) {
    this.#handle = handle;
    this.#path = path;
    this.#root = root;
    this.#file = new ScratchFile({ handle, floor });
  }

  get bytes(): number {
    return this.#file.bytes;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#file.write(chunk);
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#file.read(buffer, position);
  }

  /** Makes the bytes durable, but not yet the file's name. */
  sync(): Promise<void> {
    return coded(this.#handle.sync());
  }

  /**
   * Gives the file the name of its key if the key has no other file with the same bytes. Returns the outcome, and the folder that the
   * caller must sync to make the name durable.
   */
  async link(key: string): Promise<{ readonly folder: string; readonly adopted: Adopted }> {
    const target = `${this.#root}/${key}`;
    const folder = dirname(target);
    try {
      await nameInto(link, this.#path, target, this.#root);
      return { folder, adopted: 'created' };
    } catch (error) {
      if (!linkRefusals.includes((error as NodeJS.ErrnoException).code ?? ''))
        await coded(Promise.reject(error));
    }
    const same = await coded(this.#equals(target));
    if (same) return { folder, adopted: 'same' };
    await this.rename(key);
    return { folder, adopted: same === undefined ? 'created' : 'replaced' };
  }

  /** Returns undefined if there is no file at the path. */
  async #equals(path: string): Promise<boolean | undefined> {
    const other = await unlessMissing(open(path, 'r'));
    if (!other) return undefined;
    try {
      if ((await other.stat()).size !== this.bytes) return false;
      const [ours, theirs] = [Buffer.allocUnsafe(comparedBytes), Buffer.allocUnsafe(comparedBytes)];
      for (let at = 0; at < this.bytes; at += comparedBytes) {
        const [length] = await Promise.all([this.read(ours, at), readFully(other, theirs, at)]);
        if (ours.compare(theirs, 0, length, 0, length) !== 0) return false;
      }
      return true;
    } finally {
      await other.close();
    }
  }

  /** Renames the file to its key, which replaces another file. Returns the folder that the caller must sync to make the name durable. */
  async rename(key: string): Promise<string> {
    const target = `${this.#root}/${key}`;
    const [named, closed] = await Promise.allSettled([
      coded(nameInto(rename, this.#path, target, this.#root)),
      this.#handle.close(),
    ]);
    if (named.status === 'rejected') throw named.reason;
    this.#ended = true;
    if (closed.status === 'rejected') throw closed.reason;
    return dirname(target);
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#handle.close();
    // The sweep removes what is left while the folder is away.
    await rm(this.#path, { force: true }).catch(() => undefined);
  }
}

/** Links or renames a file. Creates the target's folders only if that fails, because that is cheaper than a check each time. */
async function nameInto(
  name: (from: string, target: string) => Promise<void>,
  from: string,
  target: string,
  root: string,
): Promise<void> {
  try {
    await name(from, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dirname(target), { recursive: true });
    for (let folder = dirname(target); folder !== root; ) {
      folder = dirname(folder);
      await syncFolder(folder);
    }
    await name(from, target);
  }
}

/** Syncs a folder, so that its entries survive a crash. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await coded(open(folder, 'r'));
  try {
    await coded(handle.sync());
  } finally {
    await handle.close();
  }
}

/**
 * Syncs folders. A caller that arrives during a sync waits for the next one, because the running sync may have missed its rename.
 * All callers that arrive until then share that next sync.
 */
export class FolderSyncs {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  async sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return await this.#begin(folder);
    const next = this.#next.get(folder) ?? this.#after(running, folder);
    this.#next.set(folder, next);
    await next;
  }

  async #after(running: Promise<void>, folder: string): Promise<void> {
    // Only the callers of that sync receive its error.
    await running.catch(() => undefined);
    this.#next.delete(folder);
    await this.#begin(folder);
  }

  async #begin(folder: string): Promise<void> {
    const sync = syncFolder(folder);
    this.#running.set(folder, sync);
    try {
      await sync;
    } finally {
      if (this.#running.get(folder) === sync) this.#running.delete(folder);
    }
  }
}

/**
 * Returns a name for a temporary file: `<habitat>.<pid>.<random>`. A process id means nothing outside its PID namespace: services
 * in containers share a volume, and most of them are process 1. The habitat therefore names the PID namespace and the boot of the
 * machine. Only files of the same habitat are judged by their process id.
 */
export function temporaryName(): string {
  return `${habitat()}.${process.pid}.${randomBytes(9).toString('hex')}`;
}

/** Returns true if the name belongs to a dead process; `undefined` if this process cannot know. */
export function writerIsGone(name: string): boolean | undefined {
  const [where, pid] = name.split('.');
  if (where !== habitat() || pid === undefined) return undefined;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

let known: string | undefined;

function habitat(): string {
  known ??= readHabitat();
  return known;
}

function readHabitat(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    return `${boot}-${namespace}`;
  } catch {
    // Not Linux: there are no PID namespaces to distinguish.
    return hostname().replace(/[^A-Za-z0-9-]/g, '-');
  }
}
