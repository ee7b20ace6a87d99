import type { BlobHandle } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import type { Segment, Stretch } from './payload-plan.js';
import type { PrefixStamp } from './prefix-stamp.js';

export interface OpenLayer {
  readonly tar: BlobHandle;
  readonly stamp: PrefixStamp;
}

/** Reads a payload from start to end. */
export class PayloadReader {
  readonly #segments: readonly Segment[];
  readonly #layers: readonly OpenLayer[];
  /** The current segment, the bytes read of it, and the position of its next header. */
  #index = 0;
  #done = 0;
  #header = 0;
  #stamped: Promise<void> = Promise.resolve();

  constructor({ segments, layers }: { segments: readonly Segment[]; layers: readonly OpenLayer[] }) {
    this.#segments = segments;
    this.#layers = layers;
  }

  /**
   * Fills `buffer`, whose length is a multiple of 512, with the next bytes. Returns less than its length only at the end. It may
   * be called again with another buffer before it resolves.
   */
  async fill(buffer: Buffer): Promise<number> {
    const reads: Promise<void>[] = [];
    const parts: { stretch: Stretch; from: number; data: Buffer }[] = [];
    let filled = 0;
    for (
      let segment = this.#segments[this.#index];
      segment && filled < buffer.length;
      segment = this.#segments[this.#index]
    ) {
      const from = this.#done;
      const length = 'made' in segment ? segment.made.length : segment.end - segment.start;
      const data = buffer.subarray(filled, filled + length - from);
      if ('made' in segment) segment.made.copy(data, 0, from);
      else {
        reads.push(this.#read(segment, from, data));
        parts.push({ stretch: segment, from, data });
      }
      filled += data.length;
      this.#done += data.length;
      if (this.#done === length) {
        this.#index++;
        this.#done = 0;
      }
    }
    // Only the previous headers determine the position of the next one.
    this.#stamped = Promise.all([this.#stamped, ...reads]).then(() => {
      for (const part of parts) this.#stamp(part);
    });
    await this.#stamped;
    return filled;
  }

  async #read(stretch: Stretch, from: number, data: Buffer): Promise<void> {
    const read = await this.#layer(stretch).tar.read(data, stretch.start + from);
    if (read < data.length)
      throw new SlipwayError('source_damaged', 'A stored source is shorter than its manifest says.');
  }

  #stamp({ stretch, from, data }: { stretch: Stretch; from: number; data: Buffer }): void {
    if (!stretch.entries) return;
    if (from === 0) this.#header = 0;
    this.#header = from + this.#layer(stretch).stamp.apply(data, this.#header - from);
    const length = stretch.end - stretch.start;
    if (from + data.length === length && this.#header !== length) {
      throw new SlipwayError('source_damaged', 'A stored source does not match its manifest.');
    }
  }

  #layer({ layer }: Stretch): OpenLayer {
    return this.#layers[layer] as OpenLayer;
  }
}
