import { SlipwayError } from '@slipway/shared/errors';

/** Far more than paths take on average; those of whole dependency trees take 60 to 100. */
const bytesPerName = 192;
/** A tree of few entries may have long names. */
const floorBytes = 1024 * 1024;

/**
 * Counts the bytes that the paths and link targets of an archive take, as its manifest writes them: they are held in memory, where
 * their files are not.
 */
export class NameBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  /** `maxFiles`: how many entries there may be. */
  constructor({ maxFiles }: { readonly maxFiles: number }) {
    this.#maxBytes = Math.max(floorBytes, maxFiles * bytesPerName);
  }

  /** Throws `source_too_large` once there are too many bytes. */
  spend(path: string, target = ''): void {
    this.#bytes += Buffer.byteLength(JSON.stringify(path + target));
    if (this.#bytes > this.#maxBytes) {
      throw new SlipwayError(
        'source_too_large',
        `The paths and link targets are longer than ${this.#maxBytes} bytes together.`,
      );
    }
  }
}
