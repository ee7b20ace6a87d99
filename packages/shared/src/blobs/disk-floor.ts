import { statfs } from 'node:fs/promises';
import { SlipwayError } from '../errors/index.js';

interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

interface DiskFloorOptions {
  /** What stays free for small things; at most a twentieth of the disk. */
  readonly minFreeBytes: number;
  readonly space: () => Promise<DiskSpace>;
  readonly now: () => number;
}

/** What is smaller is taken as long as there is any room. */
const smallBytes = 1024 * 1024;
const maxAgeMs = 500;
const smallDisk = 20;

/** Keeps some of a disk free, so that large uploads do not take the room that logs and small requests need. */
export class DiskFloor {
  readonly #options: DiskFloorOptions;
  #known: { readonly space: Promise<DiskSpace>; readonly atMs: number } | undefined;

  constructor(options: DiskFloorOptions) {
    this.#options = options;
  }

  /** Throws `storage_full` unless this many bytes are few or the disk has room for them. */
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
      `The disk has ${freeBytes} bytes free; below ${Math.floor(floor)} only what is smaller than ${smallBytes} bytes is taken.`,
    );
  }
}

/** The disk that a folder is on. */
export async function diskSpace(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
