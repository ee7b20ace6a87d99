import { contextFolder } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Collector } from './collector.js';
import { hardLinkTarget } from './link-target.js';
import { normalPath } from './paths.js';
import { PayloadBeside } from './payload-beside.js';
import { unsafeHardLink } from './refusals.js';
import type { TarEntry, TarSink } from './tar-reader.js';

/** There are few entries beside the context, so a payload with many is invalid. */
const maxSkipped = 100;

/**
 * Splits the body of a `POST /build` (protocol.md): `context/` goes to the collector like an archive of its own; config and sealed
 * secrets go to memory, anywhere in the archive and with or without `./`. Skips everything else.
 */
export class PayloadIntake implements TarSink {
  readonly #collector: Collector;
  readonly beside: PayloadBeside;
  #skipped = 0;
  #content: (piece: Buffer) => void = () => undefined;
  #inContext = false;

  constructor({ collector, maxBytes }: { readonly collector: Collector; readonly maxBytes: number }) {
    this.#collector = collector;
    this.beside = new PayloadBeside({ maxSkippedBytes: maxBytes });
  }

  entry(entry: TarEntry): void {
    const path = normalPath(entry.path);
    this.#inContext = path.startsWith(`${contextFolder}/`);
    const keep = this.beside.begin(path, entry);
    this.#content = keep ?? (() => undefined);
    if (this.#inContext) this.#enter(path, entry);
    else if (path === contextFolder) {
      if (entry.type !== 'folder')
        throw new SlipwayError('source_path_conflict', `${contextFolder} is not a folder.`);
    } else if (!keep && path !== '' && ++this.#skipped > maxSkipped) {
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
      const target = hardLinkTarget(path, entry.target);
      if (!target.startsWith(`${contextFolder}/`)) {
        throw unsafeHardLink(path, entry.target, `is not in ${contextFolder}/`);
      }
      inner.target = target.slice(contextFolder.length + 1);
    }
    this.#collector.entry(inner);
    this.#content = (piece) => this.#collector.content(piece);
  }
}
