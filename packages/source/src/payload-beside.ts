import { configEntry, contextFolder, secretsEntry } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { TarEntry } from './tar-reader.js';

const maxBytes = 1024 * 1024;

/** Collects the entries of a build payload beside its context, in memory: config and sealed secrets (protocol.md). */
export class PayloadBeside {
  readonly #pieces = new Map<string, Buffer[]>();
  readonly #maxSkippedBytes: number;
  #skippedBytes = 0;

  /** `maxSkippedBytes` limits the skipped files. A sparse one may have holes of terabytes, which take time to read. */
  constructor({ maxSkippedBytes }: { readonly maxSkippedBytes: number }) {
    this.#maxSkippedBytes = maxSkippedBytes;
  }

  /** Returns the content of `com.openfaas.docker.config`. Throws `request_invalid` when it is missing. */
  get config(): Buffer {
    const pieces = this.#pieces.get(configEntry);
    if (!pieces) throw new SlipwayError('request_invalid', `The payload has no ${configEntry}.`);
    return Buffer.concat(pieces);
  }

  /** Returns the content of `com.openfaas.secrets`, still sealed. */
  get secrets(): Buffer | undefined {
    const pieces = this.#pieces.get(secretsEntry);
    return pieces && Buffer.concat(pieces);
  }

  /**
   * Starts an entry. Returns the consumer of its content; undefined when it is neither of the two. Throws `source_path_duplicate`,
   * `request_invalid` if it is not a file or too large, or `source_too_large` if the skipped files are too large.
   */
  begin(path: string, entry: TarEntry): ((piece: Buffer) => void) | undefined {
    if (path !== configEntry && path !== secretsEntry) {
      if (!path.startsWith(`${contextFolder}/`)) this.#skip(entry);
      return undefined;
    }
    if (this.#pieces.has(path)) throw new SlipwayError('source_path_duplicate', `${path} occurs twice.`);
    if (entry.type !== 'file' || entry.size > maxBytes) {
      throw new SlipwayError('request_invalid', `${path} is not a file of at most ${maxBytes} bytes.`);
    }
    const pieces: Buffer[] = [];
    this.#pieces.set(path, pieces);
    // The pieces will be reused.
    return (piece) => pieces.push(Buffer.from(piece));
  }

  #skip(entry: TarEntry): void {
    if (entry.type === 'file') this.#skippedBytes += entry.size;
    if (this.#skippedBytes > this.#maxSkippedBytes) {
      throw new SlipwayError(
        'source_too_large',
        `The files that are not in ${contextFolder}/ are larger than ${this.#maxSkippedBytes} bytes together.`,
      );
    }
  }
}
