import { closeSync, constants, fchmodSync, futimesSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { contextFolder } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import {
  hardLinkTarget,
  normalPath,
  PayloadBeside,
  parentOf,
  type TarEntry,
  type TarSink,
} from '@slipway/source';
import { shown, type Tree } from './tree.js';

interface PayloadSinkOptions {
  readonly tree: Tree;
  readonly dir: string;
  readonly maxEntries: number;
  /** Limit of the files beside the context. */
  readonly maxSkippedBytes: number;
  /** The time that files are given, in seconds since 1970. */
  readonly modified: number;
}

/**
 * Takes the entries of a build payload: config and sealed secrets into memory, files and folders of `context/` to the disk at once,
 * links later, so that nothing can be written through one. A link may lead anywhere: it is only written, never followed. All else is skipped.
 */
export class PayloadSink implements TarSink {
  readonly copies: { readonly from: string; readonly to: string }[] = [];
  readonly #tree: Tree;
  readonly #dir: string;
  readonly #maxEntries: number;
  readonly #modified: number;
  readonly #folders = new Set<string>(['']);
  #entries = 0;
  readonly beside: PayloadBeside;
  #write: (piece: Buffer) => void = () => {};
  #end: () => void = () => {};

  constructor({ tree, dir, maxEntries, maxSkippedBytes, modified }: PayloadSinkOptions) {
    this.beside = new PayloadBeside({ maxSkippedBytes });
    this.#tree = tree;
    this.#dir = dir;
    this.#maxEntries = maxEntries;
    this.#modified = modified;
  }

  entry(entry: TarEntry): void {
    this.#write = () => {};
    this.#end = () => {};
    if (++this.#entries > this.#maxEntries) {
      throw new SlipwayError('source_too_many_files', `There are more than ${this.#maxEntries} entries.`);
    }
    const path = normalPath(entry.path);
    const keep = this.beside.begin(path, entry);
    if (keep) this.#write = keep;
    else if (path === contextFolder) {
      if (entry.type !== 'folder')
        throw new SlipwayError('source_path_conflict', `${contextFolder} is no folder.`);
    } else if (path.startsWith(`${contextFolder}/`)) this.#take(path.slice(contextFolder.length + 1), entry);
  }

  content(piece: Buffer): void {
    this.#write(piece);
  }

  entryEnd(): void {
    this.#end();
  }

  /** Closes what a broken archive has left open. */
  close(): void {
    this.#end();
    this.#end = () => {};
  }

  #take(path: string, entry: TarEntry): void {
    switch (entry.type) {
      case 'folder':
        this.#tree.addFolder(path);
        mkdirSync(join(this.#dir, path), { recursive: true, mode: 0o755 });
        return;
      case 'link':
        this.#tree.addLink(path, entry.target);
        return;
      case 'hard_link':
        this.#takeCopy(path, entry.target);
        return;
      case 'file':
        this.#takeFile(path, entry);
        return;
    }
  }

  #takeCopy(path: string, target: string): void {
    const inArchive = hardLinkTarget(path, target);
    if (!inArchive.startsWith(`${contextFolder}/`)) {
      throw new SlipwayError(
        'source_link_unsafe',
        `${shown(path)} is a hard link to ${shown(target)}, which is not in ${contextFolder}/.`,
      );
    }
    const from = this.#tree.addCopy(path, inArchive.slice(contextFolder.length + 1));
    if (from !== undefined) this.copies.push({ from, to: path });
  }

  #takeFile(path: string, entry: TarEntry): void {
    this.#tree.addFile(path, entry);
    const parent = parentOf(path);
    if (!this.#folders.has(parent)) mkdirSync(join(this.#dir, parent), { recursive: true, mode: 0o755 });
    this.#folders.add(parent);
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    const fd = openSync(join(this.#dir, path), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
    this.#end = () => {
      this.#end = () => {};
      futimesSync(fd, this.#modified, this.#modified);
      closeSync(fd);
    };
    fchmodSync(fd, entry.executable ? 0o755 : 0o644);
    this.#write = (piece) => {
      for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
    };
  }
}
