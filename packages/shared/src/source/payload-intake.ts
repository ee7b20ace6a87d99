import { configEntry, contextFolder, secretsEntry } from '../contracts/index.js';
import { SlipwayError } from '../errors/index.js';
import type { Collector } from './collector.js';
import { normalPath } from './paths.js';
import { unsafeLink } from './refusals.js';
import type { TarEntry, TarSink } from './tar-reader.js';

const maxBesideBytes = 1024 * 1024;
/** Beside the context there are few entries; a payload with many is not what it says. */
const maxSkipped = 100;

/**
 * Takes the body of a `POST /build` (protocol.md) apart: what is in `context/` goes to the collector as if it were an archive of
 * its own, config and sealed secrets into memory, wherever they stand and with or without `./`. All else is skipped.
 */
export class PayloadIntake implements TarSink {
  readonly #collector: Collector;
  readonly #beside = new Map<string, Buffer[]>();
  #skipped = 0;
  #content: (piece: Buffer) => void = () => undefined;
  #inContext = false;

  constructor({ collector }: { readonly collector: Collector }) {
    this.#collector = collector;
  }

  /** The content of `com.openfaas.docker.config`. */
  get config(): Buffer {
    const pieces = this.#beside.get(configEntry);
    if (!pieces) throw new SlipwayError('request_invalid', `The payload has no ${configEntry}.`);
    return Buffer.concat(pieces);
  }

  /** The content of `com.openfaas.secrets`, as it was sealed. */
  get secrets(): Buffer | undefined {
    const pieces = this.#beside.get(secretsEntry);
    return pieces && Buffer.concat(pieces);
  }

  entry(entry: TarEntry): void {
    const path = normalPath(entry.path);
    this.#inContext = path.startsWith(`${contextFolder}/`);
    this.#content = () => undefined;
    if (this.#inContext) this.#enter(path, entry);
    else if (path === configEntry || path === secretsEntry) this.#keep(path, entry);
    else if (path === contextFolder) {
      if (entry.type !== 'folder')
        throw new SlipwayError('source_path_conflict', `${contextFolder} is no folder.`);
    } else if (path !== '' && ++this.#skipped > maxSkipped) {
      throw new SlipwayError(
        'source_too_many_files',
        `More than ${maxSkipped} entries are not in ${contextFolder}/.`,
      );
    }
  }

  content(piece: Buffer): void {
    this.#content(piece);
  }

  entryEnd(): void {
    if (this.#inContext) this.#collector.entryEnd();
  }

  #enter(path: string, entry: TarEntry): void {
    const inner = { ...entry, path: path.slice(contextFolder.length + 1) };
    if (entry.type === 'hard_link') {
      const target = normalPath(entry.target);
      if (!target.startsWith(`${contextFolder}/`)) {
        throw unsafeLink(path, 'is a hard link to what is not in the context');
      }
      inner.target = target.slice(contextFolder.length + 1);
    }
    this.#collector.entry(inner);
    this.#content = (piece) => this.#collector.content(piece);
  }

  #keep(path: string, entry: TarEntry): void {
    if (this.#beside.has(path)) throw new SlipwayError('source_path_duplicate', `${path} occurs twice.`);
    if (entry.type !== 'file' || entry.size > maxBesideBytes) {
      throw new SlipwayError('request_invalid', `${path} is no file of at most ${maxBesideBytes} bytes.`);
    }
    const pieces: Buffer[] = [];
    this.#beside.set(path, pieces);
    // The pieces are only lent.
    this.#content = (piece) => pieces.push(Buffer.from(piece));
  }
}
