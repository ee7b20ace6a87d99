import { SlipwayError } from '@slipway/shared/errors';

/** Much more than average paths; those of whole dependency trees take 60 to 100. */
const bytesPerName = 192;
/** A tree with few entries may have long names. */
const floorBytes = 1024 * 1024;

/** Counts the bytes of an archive's paths and link targets, as its manifest writes them. They are held in memory, unlike the files. */
export class NameBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  /** `maxFiles`: maximum of entries. */
  constructor({ maxFiles }: { readonly maxFiles: number }) {
    this.#maxBytes = Math.max(floorBytes, maxFiles * bytesPerName);
  }

  /** Throws `source_too_large` beyond the limit. */
  spend(path: string, target = ''): void {
    this.#bytes += Buffer.byteLength(JSON.stringify(path + target));
    if (this.#bytes > this.#maxBytes) {
      throw new SlipwayError(
        'source_too_large',
        `The paths and link targets together are longer than ${this.#maxBytes} bytes.`,
      );
    }
  }
}
