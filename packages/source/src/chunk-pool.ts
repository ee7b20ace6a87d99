const kilobyte = 1024;
/** Smaller chunks cost more processor time than they save in memory. */
const smallestBytes = 128 * kilobyte;
const largestBytes = 512 * kilobyte;
/** The share of the free memory that one chunk may take. A pass has three chunks. */
const share = 1 / 6;

/**
 * Shares out the memory of the passes over payloads that run at the same time. The chunks of a single pass are large, so that the
 * HMAC rarely waits for the disk. The more memory is in use, the smaller is the next chunk. A pass never waits for another one,
 * which may belong to a slow upload.
 */
export class ChunkPool {
  readonly #bytes: number;
  #usedBytes = 0;
  #idleBytes = 0;
  /** The garbage collector would free them late. */
  readonly #idle: Buffer[] = [];

  constructor({ bytes }: { readonly bytes: number }) {
    this.#bytes = bytes;
  }

  /** Returns a buffer for a payload of `length` bytes. Its own length is a multiple of 512, or that of the payload. */
  take(length: number): Buffer {
    const buffer = (length >= largestBytes ? this.#reuse() : undefined) ?? this.#allocate(length);
    this.#usedBytes += buffer.length;
    return buffer;
  }

  #reuse(): Buffer | undefined {
    const buffer = this.#idle.pop();
    this.#idleBytes -= buffer?.length ?? 0;
    return buffer;
  }

  #allocate(length: number): Buffer {
    let bytes = largestBytes;
    while (bytes > smallestBytes && bytes > (this.#bytes - this.#usedBytes) * share) bytes /= 2;
    return Buffer.allocUnsafeSlow(Math.min(bytes, length));
  }

  /** Takes back buffers that nothing reads or writes any more. Other passes overwrite them. */
  giveBack(buffers: readonly Buffer[]): void {
    this.leave(buffers);
    for (const buffer of buffers) {
      if (buffer.length < smallestBytes || this.#idleBytes + buffer.length > this.#bytes) continue;
      this.#idleBytes += buffer.length;
      this.#idle.push(buffer);
    }
  }

  /** Leaves buffers to the garbage collector, because their last reader is not known. */
  leave(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) this.#usedBytes -= buffer.length;
  }
}
