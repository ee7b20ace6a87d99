import { createHash, type Hash, hash } from 'node:crypto';
import { SlipwayError } from '@slipway/shared/errors';
import { checkLinkTarget, hardLinkTarget } from './link-target.js';
import { NameBudget } from './names.js';
import { normalPath, parentOf, sortKey } from './paths.js';
import { pulledNote, settledNote } from './pulled-template.js';
import { corrupt, shown, unsafeHardLink, unsafePath } from './refusals.js';
import type { SourceEntry, SourceLimits } from './source-store.js';
import type { Range, SpillBuffer } from './spill-buffer.js';
import { encodeHeader, type HeaderFields, headerLength } from './tar-encoder.js';
import { padded } from './tar-format.js';
import type { TarEntry, TarSink } from './tar-reader.js';

const emptySha256 = hash('sha256', '');

interface Collected extends HeaderFields {
  readonly key: string;
  /** True if this folder has only appeared in the paths of its content so far. */
  implied: boolean;
  sha256: string;
  /** The positions of its headers and padded content in the buffer. */
  readonly header: Range;
  content: Range;
}

/** Validates the entries of an archive as they arrive, and writes them in the normal form. */
export class Collector implements TarSink {
  readonly #limits: SourceLimits;
  readonly #buffer: SpillBuffer;
  readonly #byPath = new Map<string, Collected>();
  readonly #names: NameBudget;
  #files = 0;
  #bytes = 0;
  #current: { readonly entry: Collected; readonly hash: Hash | undefined } | undefined;
  /** Pieces of a possible note of a pulled template. */
  readonly #note: Buffer[] = [];

  constructor({ limits, buffer }: { limits: SourceLimits; buffer: SpillBuffer }) {
    this.#limits = limits;
    this.#names = new NameBudget(limits);
    this.#buffer = buffer;
  }

  entry(entry: TarEntry): void {
    this.#current = undefined;
    const path = normalPath(entry.path);
    if (path === '') {
      if (entry.type !== 'folder') throw unsafePath(entry.path, 'is the root, but not a folder');
      return;
    }
    const known = this.#byPath.get(path);
    if (known !== undefined) {
      if (entry.type === 'folder' && known.type === 'folder') known.implied = false;
      else if (known.implied) throw conflict(path);
      else throw new SlipwayError('source_path_duplicate', `${shown(path)} occurs twice.`);
      return;
    }
    this.#implyParents(path);
    switch (entry.type) {
      case 'folder':
        this.#add({ path, type: 'folder', executable: false, size: 0, target: '' });
        return;
      case 'link':
        this.#addLink(path, entry.target);
        return;
      case 'hard_link':
        this.#addCopy(path, entry.target);
        return;
      case 'file':
        this.#addFile(path, entry);
        return;
    }
  }

  content(piece: Buffer): void {
    if (this.#current === undefined) throw corrupt('There is content without a file.');
    const { entry, hash: running } = this.#current;
    if (running) running.update(piece);
    else if (piece.length === entry.size) entry.sha256 = hash('sha256', piece);
    else this.#current = { entry, hash: createHash('sha256').update(piece) };
    if (entry.path === pulledNote.path && entry.size <= pulledNote.maxBytes)
      this.#note.push(Buffer.from(piece));
    this.#buffer.append(piece);
  }

  entryEnd(): void {
    if (this.#current === undefined) return;
    const { entry, hash: running } = this.#current;
    if (running) entry.sha256 = running.digest('hex');
    this.#buffer.reserve(padded(entry.size) - entry.size).fill(0);
    this.#current = undefined;
  }

  /** Returns the bytes of the files so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns all entries in order, and their positions in the buffer, after the end of the archive. */
  finish(): { entries: SourceEntry[]; ranges: Range[]; files: number; bytes: number } {
    if (this.#files === 0) throw new SlipwayError('source_empty');
    this.#settleNote();
    const sorted = [...this.#byPath.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return {
      entries: sorted.map(toSourceEntry),
      ranges: sorted.flatMap(({ header, content }) => [header, content]),
      files: this.#files,
      bytes: this.#bytes,
    };
  }

  /** Writes the note of a pulled template again, without the parts that differ at each pull. */
  #settleNote(): void {
    const before = this.#byPath.get(pulledNote.path);
    if (before?.type !== 'file' || this.#byPath.get(pulledNote.beside)?.type !== 'file') return;
    const content = settledNote(Buffer.concat(this.#note));
    if (!content) return;
    const { path, type, executable, size, target } = before;
    const start = this.#buffer.bytes;
    const fields: HeaderFields = { path, type, executable, size: content.length, target };
    const end = start + headerLength(fields);
    encodeHeader(fields, this.#buffer.reserve(end - start), 0);
    const room = this.#buffer.reserve(padded(content.length));
    room.fill(0);
    room.set(content);
    this.#bytes += content.length - size;
    this.#byPath.set(path, {
      ...{ ...before, ...fields, sha256: hash('sha256', content), header: { start, end } },
      content: { start: end, end: end + padded(content.length) },
    });
  }

  #implyParents(path: string): void {
    const missing: string[] = [];
    for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
      const known = this.#byPath.get(folder);
      if (known === undefined) missing.push(folder);
      else if (known.type !== 'folder') throw conflict(path);
      else break;
    }
    for (const folder of missing.reverse()) {
      this.#add({ path: folder, type: 'folder', executable: false, size: 0, target: '' }).implied = true;
    }
  }

  #addFile(path: string, { size, executable }: TarEntry): void {
    this.#measure(size);
    const entry = this.#add({ path, type: 'file', executable, size, target: '' });
    entry.content = { start: entry.header.end, end: entry.header.end + padded(size) };
    this.#current = { entry, hash: undefined };
  }

  #addLink(path: string, target: string): void {
    checkLinkTarget(path, target);
    this.#files++;
    this.#add({ path, type: 'link', executable: false, size: 0, target });
  }

  /** A hard link is another name of an earlier file or link. Sources do not share content between names, so it becomes a copy. */
  #addCopy(path: string, target: string): void {
    const original = this.#byPath.get(hardLinkTarget(path, target));
    if (original?.type === 'link') {
      this.#addLink(path, original.target);
      return;
    }
    if (original?.type !== 'file') throw unsafeHardLink(path, target, 'is not an earlier file or link');
    const { executable, size, content, sha256 } = original;
    this.#measure(size);
    const copy = this.#add({ path, type: 'file', executable, size, target: '' });
    copy.content = content;
    copy.sha256 = sha256;
  }

  #measure(size: number): void {
    this.#files++;
    this.#bytes += size;
    if (this.#bytes > this.#limits.maxBytes) {
      throw new SlipwayError(
        'source_too_large',
        `The files together are larger than ${this.#limits.maxBytes} bytes.`,
      );
    }
  }

  #add(fields: HeaderFields): Collected {
    if (this.#byPath.size === this.#limits.maxFiles) {
      throw new SlipwayError(
        'source_too_many_files',
        `The archive has more than ${this.#limits.maxFiles} entries.`,
      );
    }
    this.#names.spend(fields.path, fields.target);
    const start = this.#buffer.bytes;
    const length = headerLength(fields);
    encodeHeader(fields, this.#buffer.reserve(length), 0);
    const end = start + length;
    const entry: Collected = {
      ...fields,
      key: sortKey(fields.path),
      implied: false,
      sha256: emptySha256,
      header: { start, end },
      content: { start: end, end },
    };
    this.#byPath.set(fields.path, entry);
    return entry;
  }
}

function conflict(path: string): SlipwayError {
  return new SlipwayError(
    'source_path_conflict',
    `${shown(path)} lies below, or in place of, an entry that is not a folder.`,
  );
}

function toSourceEntry({ path, type, executable, size, sha256, target }: Collected): SourceEntry {
  switch (type) {
    case 'file':
      return { path, type, mode: executable ? '0755' : '0644', size, sha256 };
    case 'folder':
      return { path, type };
    case 'link':
      return { path, type, target };
  }
}
