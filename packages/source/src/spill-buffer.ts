import { createHash } from 'node:crypto';
import type { BlobHandle, BlobStore, Scratch } from '@slipway/shared/blobs';

/** Sources up to this size stay in memory until the finished blob. */
const memoryBytes = 512 * 1024;
const firstBytes = 64 * 1024;
const copyBytes = 1024 * 1024;

export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Buffers bytes for a blob: first in memory, and beyond a limit in a scratch file. Appending is synchronous, for a parser's
 * callbacks. Calling `settle` between two chunks of input bounds the memory.
 */
export class SpillBuffer {
  readonly #blobs: BlobStore;
  #buffer: Buffer = Buffer.allocUnsafe(firstBytes);
  #used = 0;
  /** Bytes in the scratch file, including pending ones. */
  #spilled = 0;
  #scratch: Scratch | undefined;
  #copied: Scratch | undefined;
  #spare: Buffer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor({ blobs }: { blobs: BlobStore }) {
    this.#blobs = blobs;
  }

  get bytes(): number {
    return this.#spilled + this.#used;
  }

  append(piece: Uint8Array): void {
    this.reserve(piece.length).set(piece);
  }

  /** Appends `length` bytes, which the caller fills immediately. */
  reserve(length: number): Buffer {
    const used = this.#used + length;
    if (used > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(used, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    const room = this.#buffer.subarray(this.#used, used);
    this.#used = used;
    return room;
  }

  /** True if memory holds so much that `settle` writes it to disk. */
  get mustSpill(): boolean {
    return this.#used >= memoryBytes;
  }

  /** Spills if memory holds much. The write continues in parallel with the caller. */
  async settle(): Promise<void> {
    if (this.mustSpill) await this.#spill();
  }

  /** Returns a scratch with exactly these ranges, in this order. Afterwards the buffer may only be discarded. */
  async finish(ranges: readonly Range[]): Promise<Scratch> {
    await this.#complete();
    const scratch = this.#scratch;
    const parts = merged(ranges);
    const [only] = parts;
    if (scratch && parts.length === 1 && only?.start === 0 && only.end === scratch.bytes) return scratch;
    this.#copied = await this.#blobs.scratch();
    for await (const chunk of this.#copy(parts)) await this.#copied.write(chunk);
    return this.#copied;
  }

  /**
   * Returns true if a blob has exactly these ranges, in this order. Stops at the first difference, in bounded memory. Nothing may
   * be appended afterwards.
   */
  async equals(blob: Pick<BlobHandle, 'bytes' | 'read'>, ranges: readonly Range[]): Promise<boolean> {
    await this.#complete();
    const parts = merged(ranges);
    if (blob.bytes !== lengthOf(parts)) return false;
    const other = Buffer.allocUnsafe(Math.min(copyBytes, blob.bytes));
    let at = 0;
    for await (const chunk of this.#copy(parts)) {
      const read = await blob.read(other.subarray(0, chunk.length), at);
      if (!chunk.equals(other.subarray(0, read))) return false;
      at += chunk.length;
    }
    return true;
  }

  /** Returns the SHA-256 of these ranges, in this order, in hex. Nothing may be appended afterwards. */
  async sha256(ranges: readonly Range[]): Promise<string> {
    await this.#complete();
    const hash = createHash('sha256');
    for await (const chunk of this.#copy(merged(ranges))) hash.update(chunk);
    return hash.digest('hex');
  }

  /** Discards the scratch files that no blob store has adopted. */
  async discard(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#scratch?.discard();
    await this.#copied?.discard();
  }

  /** Completes the scratch file if there is one. */
  async #complete(): Promise<void> {
    if (this.#scratch === undefined) return;
    await this.#spill();
    await this.#writing;
  }

  async #spill(): Promise<void> {
    await this.#writing;
    this.#scratch ??= await this.#blobs.scratch();
    const full = this.#buffer;
    const bytes = this.#used;
    this.#buffer = this.#spare ?? Buffer.allocUnsafe(full.length);
    this.#used = 0;
    this.#spilled += bytes;
    this.#spare = undefined;
    this.#writing = this.#scratch.write(full.subarray(0, bytes)).then(() => {
      this.#spare = full;
    });
    // The caller of the next write receives the error. Until then it must not count as an unhandled rejection.
    this.#writing.catch(() => {});
  }

  async *#copy(ranges: readonly Range[]): AsyncGenerator<Buffer> {
    const out = Buffer.allocUnsafe(Math.min(copyBytes, lengthOf(ranges)));
    let filled = 0;
    let reads: Promise<unknown>[] = [];
    for (const { start, end } of ranges) {
      for (let at = start; at < end; ) {
        const length = Math.min(end - at, out.length - filled);
        reads.push(this.#read(out.subarray(filled, filled + length), at));
        filled += length;
        at += length;
        if (filled < out.length) continue;
        await Promise.all(reads);
        yield out;
        filled = 0;
        reads = [];
      }
    }
    await Promise.all(reads);
    if (filled > 0) yield out.subarray(0, filled);
  }

  async #read(out: Buffer, position: number): Promise<void> {
    if (this.#scratch) await this.#scratch.read(out, position);
    else this.#buffer.copy(out, 0, position, position + out.length);
  }
}

function lengthOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Joins adjacent ranges. */
function merged(ranges: readonly Range[]): Range[] {
  const out: { start: number; end: number }[] = [];
  for (const { start, end } of ranges) {
    const last = out.at(-1);
    if (start === end) continue;
    if (last?.end === start) last.end = end;
    else out.push({ start, end });
  }
  return out;
}
