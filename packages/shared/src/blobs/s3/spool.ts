import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../folders/index.js';
import type { Scratch } from '../blob-store.js';
import { DiskFloor, diskSpace } from '../disk-floor.js';
import { coded } from '../file-faults.js';
import { ScratchFile } from '../scratch-file.js';

interface SpoolOptions {
  readonly folder: string;
  readonly minFreeBytes: number;
}

/** Opens a folder for scratches. */
export async function openSpool({ folder, minFreeBytes }: SpoolOptions): Promise<() => Promise<S3Scratch>> {
  await coded(makeFolder(folder));
  const floor = new DiskFloor({
    minFreeBytes,
    space: () => diskSpace(folder),
    now: () => performance.now(),
  });
  return async () => {
    const path = join(folder, `slipway-${randomUUID()}`);
    const handle = await coded(open(path, 'wx+', 0o600));
    // The file has no name from here on: the system frees its disk when the process ends, however it ends.
    await rm(path);
    return new S3Scratch(handle, floor);
  };
}

/** Bytes of a future object in an unnamed file of this machine. */
export class S3Scratch implements Scratch {
  readonly #handle: FileHandle;
  readonly #file: ScratchFile;
  readonly #hash = createHash('sha256');
  #ended = false;

  constructor(handle: FileHandle, floor: DiskFloor) {
    this.#handle = handle;
    this.#file = new ScratchFile({ handle, floor });
  }

  get bytes(): number {
    return this.#file.bytes;
  }

  /** Returns the SHA-256 of the bytes so far, in hex. */
  sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    await this.#file.write(chunk);
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#file.read(buffer, position);
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#handle.close();
  }
}
