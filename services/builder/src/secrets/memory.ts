import { closeSync, constants, openSync, statfsSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Where glibc, runc and buildah look for memory that has a path, too. */
const memoryFolder = '/dev/shm';
/** `f_type` of tmpfs and ramfs in statfs(2). */
const memoryTypes: readonly number[] = [0x01021994, 0x858458f6];
/** `__O_TMPFILE` of Linux, the same on every architecture that Node.js runs on; Node.js has no name for it. */
const tmpfile = 0o20000000 | constants.O_DIRECTORY;

/** Throws an Error where clear text would reach a disk. */
export function requireMemory(): void {
  let type: number | undefined;
  try {
    type = statfsSync(memoryFolder).type;
  } catch {
    type = undefined;
  }
  if (type === undefined || !memoryTypes.includes(type))
    throw new Error(`build secrets are kept in memory alone, and ${memoryFolder} is no tmpfs here`);
}

/** Files in memory that have no name: they are reached through their descriptors alone, and gone when those are closed. */
export class MemoryFiles {
  readonly #files: { readonly fd: number; readonly length: number }[] = [];

  get descriptors(): readonly number[] {
    return this.#files.map(({ fd }) => fd);
  }

  add(content: Uint8Array): void {
    const fd = openSync(memoryFolder, tmpfile | constants.O_RDWR | constants.O_EXCL, 0o600);
    this.#files.push({ fd, length: content.length });
    writeAll(fd, content);
  }

  /** Overwrites and closes them all. */
  close(): void {
    for (const { fd, length } of this.#files.splice(0)) {
      writeAll(fd, new Uint8Array(length));
      closeSync(fd);
    }
  }
}

function writeAll(fd: number, content: Uint8Array): void {
  for (let at = 0; at < content.length; ) at += writeSync(fd, content, at, content.length - at, at);
}

/** Runs `use` with the path of a folder in memory, which is removed afterwards. */
export async function withMemoryFolder<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = await mkdtemp(join(memoryFolder, 'slipway-'));
  try {
    return await use(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
