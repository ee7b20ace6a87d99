import { SlipwayError } from '@slipway/shared/errors';
import { foreignFormat, foreignFormatDetail } from './formats.js';
import { type PaxRecords, parsePax } from './pax.js';
import { corrupt, shown } from './refusals.js';
import { type Run, readOldGnuBlock, readOldGnuHeader, SparseMap, SparseText } from './sparse.js';
import {
  checksumFits,
  decodeName,
  isGnu,
  isZeroBlock,
  readLongName,
  readName,
  readNumber,
  readText,
} from './tar-fields.js';
import { blockBytes, field, maxOctalSize, padded, unsupported } from './tar-format.js';

/** An entry as in the archive; only its form is validated. */
export interface TarEntry {
  readonly path: string;
  readonly type: 'file' | 'folder' | 'link' | 'hard_link';
  readonly executable: boolean;
  readonly size: number;
  /** The target of a link or hard link. */
  readonly target: string;
}

/** Receives each entry in turn, and its content in pieces; throws to refuse it. The pieces will be reused. */
export interface TarSink {
  entry(entry: TarEntry): void;
  content(piece: Buffer): void;
  entryEnd(): void;
}

/** Longer than any real name or attribute. Bounds the buffer. */
const maxMetaBytes = 1024 * 1024;

/**
 * A strict reader of tar: v7, ustar, pax (POSIX.1-2017), GNU long names and sparse files (old GNU, pax 0.0, 0.1 and 1.0), whose
 * holes the sink receives as zeros. Anything that two readers might interpret differently is `source_corrupt`. So is an archive
 * without its end mark, so that a truncated one never counts as complete. Types other than files, folders and links are
 * `source_entry_unsupported`.
 *
 * It is push-driven and synchronous. `write` calls the sink, with a limited number of zeros of a hole at a time, so that the
 * caller can store them. It ignores bytes after the end mark, as every tar does. The `tar` package is no alternative: its parser
 * drops the pax path of a name with a line break, decodes long names by chunk, cannot detect invalid UTF-8, and buffers all bytes
 * after the end mark.
 */
export class TarReader {
  readonly #sink: TarSink;
  /** The incomplete start of a block, or of a meta body. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  #meta: Meta | undefined;
  #pending: Pending = none;
  /** Remaining bytes of content, and then of padding, of the current entry. */
  #content = 0;
  #padding = 0;
  /** Zeros of the current entry before its next content, and the following runs: a sparse file. */
  #hole = 0;
  #runs: Run[] = [];
  /** A sparse file with an incomplete map. */
  #mapped: Mapped | undefined;
  #zeroBlocks = 0;
  #isFirst = true;

  constructor({ sink }: { sink: TarSink }) {
    this.#sink = sink;
  }

  /**
   * Reads the chunk from `from` on. Returns the position that it reached: the end, or an earlier one after many zeros of a hole.
   * Then the caller stores the sink's data and writes the rest.
   */
  write(chunk: Buffer, from = 0): number {
    let at = from;
    let filled = 0;
    while (at < chunk.length && this.#zeroBlocks < 2) {
      if (this.#hole > 0) {
        if (filled >= zerosPerWrite) return at;
        filled += this.#fillHole();
      } else if (this.#content > 0) at += this.#takeContent(chunk, at);
      else if (this.#padding > 0) at += this.#skipPadding(chunk.length - at);
      else at += this.#takeBlock(chunk, at);
    }
    return chunk.length;
  }

  /** Throws if the archive is incomplete. */
  end(): void {
    const between =
      this.#content === 0 && this.#hole === 0 && this.#padding === 0 && !this.#partial && !this.#meta;
    if (this.#zeroBlocks === 2 || (this.#zeroBlocks === 1 && between)) return;
    throw corrupt('It ends before its end mark: it may have been cut short.');
  }

  #takeContent(chunk: Buffer, at: number): number {
    const piece = chunk.subarray(at, at + this.#content);
    this.#sink.content(piece);
    this.#content -= piece.length;
    if (this.#content === 0) this.#nextRun();
    return piece.length;
  }

  #fillHole(): number {
    const piece = zeros.subarray(0, this.#hole);
    this.#sink.content(piece);
    this.#hole -= piece.length;
    if (this.#hole === 0 && this.#content === 0) this.#nextRun();
    return piece.length;
  }

  /** Moves to the next hole and content of the entry, or ends it. */
  #nextRun(): void {
    const run = this.#runs.pop();
    if (run === undefined) this.#sink.entryEnd();
    else {
      this.#hole = run.hole;
      this.#content = run.data;
    }
  }

  #skipPadding(available: number): number {
    const skipped = Math.min(this.#padding, available);
    this.#padding -= skipped;
    return skipped;
  }

  /** Reads a header or a meta body once it is complete. Returns the number of consumed bytes. */
  #takeBlock(chunk: Buffer, at: number): number {
    const wanted = this.#meta ? padded(this.#meta.size) : blockBytes;
    const taken = Math.min(wanted - this.#partialBytes, chunk.length - at);
    if (taken === wanted) {
      this.#useBlock(chunk, at);
      return taken;
    }
    this.#partial ??= Buffer.allocUnsafe(wanted);
    this.#partialBytes += chunk.copy(this.#partial, this.#partialBytes, at, at + taken);
    if (this.#partialBytes === wanted) {
      const block = this.#partial;
      this.#partial = undefined;
      this.#partialBytes = 0;
      this.#useBlock(block, 0);
    }
    return taken;
  }

  #useBlock(data: Buffer, at: number): void {
    const meta = this.#meta;
    this.#meta = undefined;
    if (meta) this.#takeMeta(meta, data.subarray(at, at + meta.size));
    else this.#takeHeader(data, at);
  }

  #takeMeta({ kind }: Meta, body: Buffer): void {
    switch (kind) {
      case 'global':
        // Global headers may hold comments, as git writes them. A name or size for all later entries would be a trap.
        if (Object.keys(parsePax(body)).length === 0) break;
        throw corrupt('A global header names or measures entries.');
      case 'pax':
        this.#describe({ pax: true, ...parsePax(body) });
        break;
      case 'path':
        this.#describe({ path: readLongName(body) });
        break;
      case 'target':
        this.#describe({ target: readLongName(body) });
        break;
      case 'map':
        this.#takeMap(body);
        break;
    }
  }

  #describe(more: Pending): void {
    for (const key of Object.keys(more) as (keyof Pending)[]) {
      if (this.#pending[key] !== undefined) throw corrupt('An entry is described twice.');
    }
    this.#pending = { ...this.#pending, ...more };
  }

  #takeHeader(data: Buffer, at: number): void {
    if (data[at] === 0 && isZeroBlock(data, at)) {
      if (this.#pending !== none) throw corrupt('A header describes no entry.');
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks > 0) throw corrupt('Something follows half an end mark.');
    if (!checksumFits(data, at)) {
      const format = this.#isFirst ? foreignFormat(data.subarray(at)) : undefined;
      throw corrupt(format ? foreignFormatDetail(format) : 'A header has a wrong checksum.');
    }
    this.#isFirst = false;
    const flag = String.fromCharCode(data[at + field.type] as number);
    const kind = metaKinds[flag];
    if (kind === undefined) this.#takeEntry(data, at, flag);
    else this.#expectMeta({ kind, size: readNumber(data, at + field.size, 12) });
  }

  #expectMeta(meta: Meta): void {
    if (meta.size > maxMetaBytes) throw corrupt('A header is too long.');
    if (meta.size === 0) this.#takeMeta(meta, Buffer.alloc(0));
    else this.#meta = meta;
  }

  #takeEntry(data: Buffer, at: number, flag: string): void {
    const pending = this.#pending;
    this.#pending = none;
    const path = decodeName(pending.path ?? readName(data, at));
    // Archives older than ustar mark folders by a slash only.
    const type = types[flag] === 'file' && path.endsWith('/') ? 'folder' : types[flag];
    if ((flag === 'S' && isGnu(data, at)) || pending.sparse) {
      this.#takeSparse({ data, at, flag, pending });
      return;
    }
    if (type === undefined) {
      const what = unsupported[flag] ?? `an entry of type ${shown(flag)}`;
      throw new SlipwayError(
        'source_entry_unsupported',
        `${shown(path)} is ${what}, not a file, folder or link.`,
      );
    }
    const size = sizeOf(pending, readNumber(data, at + field.size, 12));
    if (size > 0 && type !== 'file') throw corrupt(`${shown(path)} has content but is not a file.`);
    this.#content = size;
    this.#padding = padded(size) - size;
    const pointing = type === 'link' || type === 'hard_link';
    this.#sink.entry({
      path,
      type,
      executable: (readNumber(data, at + field.mode, 8) & 0o111) !== 0,
      size,
      target: pointing ? decodeName(pending.target ?? readText(data, at + field.linkName, 100)) : '',
    });
    if (size === 0) this.#sink.entryEnd();
  }

  #takeSparse({ data, at, flag, pending }: SparseHeader): void {
    const path = decodeName(pending.sparse?.name ?? pending.path ?? readName(data, at));
    if (flag === 'S' ? pending.sparse !== undefined : types[flag] !== 'file') {
      throw corrupt(`${shown(path)} is described as a sparse file in two ways.`);
    }
    const stored = sizeOf(pending, readNumber(data, at + field.size, 12));
    const executable = (readNumber(data, at + field.mode, 8) & 0o111) !== 0;
    const file = { path, executable, stored, padding: padded(stored) - stored };
    if (pending.sparse) {
      const { map, realSize } = pending.sparse.describe();
      if (map) this.#beginSparse({ ...file, realSize, map });
      else this.#expectMap({ ...file, realSize, text: new SparseText() });
    } else {
      const map = new SparseMap();
      const { realSize, extended } = readOldGnuHeader(data, at, map);
      if (extended) this.#expectMap({ ...file, realSize, map });
      else this.#beginSparse({ ...file, realSize, map });
    }
  }

  #expectMap(mapped: Mapped): void {
    if (mapped.text && mapped.stored < blockBytes) {
      throw corrupt(`The map of the sparse file ${shown(mapped.path)} is missing.`);
    }
    this.#mapped = mapped;
    this.#meta = { kind: 'map', size: blockBytes };
  }

  /** Reads a block of the map. In old GNU the map is separate from the stored bytes; in pax 1.0 it is their start. */
  #takeMap(block: Buffer): void {
    const mapped = this.#mapped as Mapped;
    this.#mapped = undefined;
    if (mapped.text) {
      const rest = { ...mapped, stored: mapped.stored - blockBytes };
      if (mapped.text.take(block)) this.#beginSparse({ ...rest, map: mapped.text.map });
      else this.#expectMap(rest);
    } else if (readOldGnuBlock(block, mapped.map)) this.#expectMap(mapped);
    else this.#beginSparse(mapped);
  }

  #beginSparse({ path, executable, stored, padding, realSize, map }: SparseFile & { map: SparseMap }): void {
    // The last one first, because runs are taken from the end.
    this.#runs = map.runs({ realSize, stored }).reverse();
    this.#padding = padding;
    this.#sink.entry({ path, type: 'file', executable, size: realSize, target: '' });
    this.#nextRun();
  }
}

/** Zeros of a hole before `write` returns. */
const zerosPerWrite = 256 * 1024;
const zeros = Buffer.alloc(64 * 1024);

interface SparseHeader {
  readonly data: Buffer;
  readonly at: number;
  readonly flag: string;
  readonly pending: Pending;
}

interface SparseFile {
  readonly path: string;
  readonly executable: boolean;
  /** Remaining bytes of the file in the archive, and then of padding. */
  readonly stored: number;
  readonly padding: number;
  /** The size including holes. */
  readonly realSize: number;
}

/** A sparse file and the reader of its map: of pax 1.0, or of old GNU. */
type Mapped = SparseFile &
  (
    | { readonly text: SparseText; readonly map?: undefined }
    | { readonly text?: undefined; readonly map: SparseMap }
  );

/**
 * Returns the size of an entry. A pax header has a size only if the header's field is too small for it. Readers disagree on which
 * of two sizes counts, and so on the entries that follow.
 */
function sizeOf({ size }: Pending, ofHeader: number): number {
  if (size === undefined || size === ofHeader || size > maxOctalSize) return size ?? ofHeader;
  throw corrupt('An entry has two sizes.');
}

interface Meta {
  readonly kind: 'pax' | 'global' | 'path' | 'target' | 'map';
  readonly size: number;
}

/** Data of meta blocks about the next entry. */
interface Pending extends PaxRecords {
  readonly pax?: true;
}

const none: Pending = {};

const metaKinds: Readonly<Record<string, Meta['kind']>> = { x: 'pax', g: 'global', L: 'path', K: 'target' };

const types: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hard_link',
  '2': 'link',
  '5': 'folder',
};
