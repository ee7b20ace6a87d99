import { statfs } from 'node:fs/promises';
import { SlipwayError } from '../errors/index.js';
import type { Capacity } from './blob-store.js';

interface DiskFloorOptions {
  /** Bytes that stay free for small writes; at most 5 % of the disk. */
  readonly minFreeBytes: number;
  readonly space: () => Promise<Capacity>;
  readonly now: () => number;
}

/** Writes below this size pass as long as the disk has any room. */
const smallBytes = 1024 * 1024;
const maxAgeMs = 500;
const smallDisk = 20;

/** Keeps part of a disk free, so that large uploads leave room for logs and small requests. */
export class DiskFloor {
  readonly #options: DiskFloorOptions;
  #known: { readonly space: Promise<Capacity>; readonly atMs: number } | undefined;

  constructor(options: DiskFloorOptions) {
    this.#options = options;
  }

  /** Throws `storage_full` if the write is large and the disk has no room for it above the floor. */
  async check(bytes: number): Promise<void> {
    if (bytes <= smallBytes || this.#options.minFreeBytes === 0) return;
    const now = this.#options.now();
    if (!this.#known || now - this.#known.atMs > maxAgeMs) {
      this.#known = { space: this.#options.space(), atMs: now };
    }
    const { freeBytes, totalBytes } = await this.#known.space;
    const floor = Math.min(this.#options.minFreeBytes, totalBytes / smallDisk);
    if (freeBytes >= floor) return;
    throw new SlipwayError(
      'storage_full',
      `The disk has ${freeBytes} bytes free; below ${Math.floor(floor)} it takes only writes of up to ${smallBytes} bytes.`,
    );
  }
}

/** Returns the space of the disk that holds a folder. */
export async function diskSpace(folder: string): Promise<Capacity> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
