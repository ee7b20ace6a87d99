import type { FileHandle } from 'node:fs/promises';
import type { DiskFloor } from './disk-floor.js';
import { coded } from './file-faults.js';

interface ScratchFileOptions {
  readonly handle: FileHandle;
  readonly floor?: DiskFloor | undefined;
}

/** The bytes of a scratch in a file, which the owner of the handle closes. */
export class ScratchFile {
  readonly #handle: FileHandle;
  readonly #floor: DiskFloor | undefined;
  #bytes = 0;

  constructor({ handle, floor }: ScratchFileOptions) {
    this.#handle = handle;
    this.#floor = floor;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#floor?.check(this.#bytes + chunk.length);
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await coded(
        this.#handle.write(chunk, done, chunk.length - done, this.#bytes + done),
      );
      done += bytesWritten;
    }
    this.#bytes += chunk.length;
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return readFully(this.#handle, buffer, position);
  }
}

/** Reads until the buffer is full or the file ends. */
export async function readFully(handle: FileHandle, buffer: Uint8Array, position: number): Promise<number> {
  for (let done = 0; ; ) {
    const { bytesRead } = await coded(handle.read(buffer, done, buffer.length - done, position + done));
    done += bytesRead;
    if (bytesRead === 0 || done === buffer.length) return done;
  }
}
