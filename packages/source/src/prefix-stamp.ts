import { SlipwayError } from '@slipway/shared/errors';
import { blockBytes, field, padded } from './tar-format.js';

/**
 * Moves the entries of a tar in the normal form below a folder, in place. It fills in the ustar prefix field, which the normal
 * form leaves empty, and adds its bytes to the checksum. Decoding and encoding each header would cost some twenty times as much.
 */
export class PrefixStamp {
  readonly #prefix: Buffer;
  readonly #sum: number;

  constructor({ folder }: { folder: string }) {
    this.#prefix = Buffer.from(folder);
    if (this.#prefix.length > field.prefixEnd - field.prefix) {
      throw new RangeError(`a folder of ${this.#prefix.length} bytes does not fit the ustar prefix`);
    }
    this.#sum = this.#prefix.reduce((sum, byte) => sum + byte, 0);
  }

  /**
   * Stamps the headers in `data`. The first one is at `header`, which may lie beyond the end. Returns the position of the next
   * one. Both count from the start of `data`.
   */
  apply(data: Buffer, header: number): number {
    let at = header;
    while (at < data.length) {
      this.#prefix.copy(data, at + field.prefix);
      addToChecksum(data, at + field.checksum, this.#sum);
      at += blockBytes + padded(octal(data, at + field.size, 11));
    }
    return at;
  }
}

function addToChecksum(data: Buffer, at: number, sum: number): void {
  let rest = octal(data, at, 6) + sum;
  for (let i = at + 5; i >= at; i--) {
    data[i] = 0x30 + (rest & 7);
    rest >>= 3;
  }
}

function octal(data: Buffer, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const digit = (data[i] as number) - 0x30;
    if (digit < 0 || digit > 7) throw new SlipwayError('source_damaged', 'A stored source is damaged.');
    value = value * 8 + digit;
  }
  return value;
}
