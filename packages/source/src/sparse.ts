import type { SlipwayError } from '@slipway/shared/errors';
import { corrupt } from './refusals.js';
import { readNumber } from './tar-fields.js';
import { blockBytes } from './tar-format.js';

/** A range of a sparse file: a number of zero bytes, then a number of stored bytes. */
export interface Run {
  readonly hole: number;
  readonly data: number;
}

/** Disk images have some thousand pieces. The limit bounds the buffer. */
const maxRegions = 100_000;

/** Collects the map of a sparse file: the positions of its stored pieces. The archive stores them one after the other. */
export class SparseMap {
  readonly #regions: number[] = [];

  /** Adds a piece. Throws `source_corrupt` beyond the maximum of pieces. */
  add(offset: number, length: number): void {
    if (this.#regions.length === 2 * maxRegions) throw damaged(`has more than ${maxRegions} pieces`);
    this.#regions.push(offset, length);
  }

  /** Returns the runs that make up the file. Throws `source_corrupt` for a map that contradicts its sizes. */
  runs({ realSize, stored }: { readonly realSize: number; readonly stored: number }): Run[] {
    const runs: Run[] = [];
    let at = 0;
    let data = 0;
    for (let i = 0; i < this.#regions.length; i += 2) {
      const offset = this.#regions[i] as number;
      const length = this.#regions[i + 1] as number;
      if (offset < at || offset + length > realSize) {
        throw damaged(
          `has a piece of ${length} bytes at ${offset}, out of order or beyond its ${realSize} bytes`,
        );
      }
      if (length > 0) runs.push({ hole: offset - at, data: length });
      if (length > 0) at = offset + length;
      data += length;
    }
    if (data !== stored) throw damaged(`has pieces of ${data} bytes, and the archive stores ${stored}`);
    if (at < realSize) runs.push({ hole: realSize - at, data: 0 });
    return runs;
  }
}

const damaged = (what: string): SlipwayError => corrupt(`The map of a sparse file ${what}.`);

/** Offsets of the extra fields in an old GNU header of type S. */
const oldGnu = {
  map: 386,
  pieces: 4,
  extended: 482,
  realSize: 483,
  morePieces: 21,
  moreExtended: 504,
} as const;

/** Parses the pieces in an old GNU header of type `S`. Returns the size of the file, and true if a block of more pieces follows. */
export function readOldGnuHeader(
  data: Buffer,
  at: number,
  map: SparseMap,
): { readonly realSize: number; readonly extended: boolean } {
  addPieces(data, at + oldGnu.map, oldGnu.pieces, map);
  return {
    realSize: readNumber(data, at + oldGnu.realSize, 12),
    extended: data[at + oldGnu.extended] !== 0,
  };
}

/** Parses a block of more pieces. Returns true if another one follows. */
export function readOldGnuBlock(block: Buffer, map: SparseMap): boolean {
  addPieces(block, 0, oldGnu.morePieces, map);
  return block[oldGnu.moreExtended] !== 0;
}

function addPieces(data: Buffer, start: number, count: number, map: SparseMap): void {
  for (let at = start; at < start + count * 24; at += 24) {
    // The first empty field ends the list.
    if (data[at] === 0 && data[at + 12] === 0) return;
    map.add(readNumber(data, at, 12), readNumber(data, at + 12, 12));
  }
}

/** Parses the map of pax 1.0, which precedes the content: decimal lines, the number of pieces first, up to the end of a block. */
export class SparseText {
  readonly map = new SparseMap();
  #line = '';
  #count: number | undefined;
  #offset: number | undefined;
  #read = 0;

  /** Takes a block. Returns true when the map is complete. */
  take(block: Buffer): boolean {
    for (let i = 0; i < blockBytes && this.#read !== this.#count; i++) {
      const byte = block[i] as number;
      if (byte === 0x0a) this.#number(sparseNumber(this.#line));
      else if (this.#line.length === 16) throw damaged('has a number of more than 16 digits');
      else this.#line += String.fromCharCode(byte);
    }
    return this.#read === this.#count;
  }

  #number(value: number): void {
    this.#line = '';
    if (this.#count === undefined) {
      if (value > maxRegions) throw damaged(`has ${value} pieces, and ${maxRegions} are allowed`);
      this.#count = value;
    } else if (this.#offset === undefined) this.#offset = value;
    else {
      this.map.add(this.#offset, value);
      this.#offset = undefined;
      this.#read++;
    }
  }
}

/** Returns a decimal number of a map. Throws `source_corrupt` for anything else. */
function sparseNumber(text: string): number {
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw damaged('lacks a number');
  return value;
}

/** The `GNU.sparse.*` records of a pax header, in the order of arrival. */
export class PaxSparse {
  readonly #map = new SparseMap();
  #hasMap = false;
  #offset: number | undefined;
  readonly #texts = new Map<string, Buffer>();

  /** Takes a record; `key` excludes `GNU.sparse.`. */
  take(key: string, value: Buffer | undefined): void {
    const text = value?.toString('latin1') ?? '';
    switch (key) {
      case 'offset':
        this.#offset = sparseNumber(text);
        return;
      case 'numbytes':
        if (this.#offset === undefined) throw damaged('has a length without an offset');
        this.#hasMap = true;
        this.#map.add(this.#offset, sparseNumber(text));
        this.#offset = undefined;
        return;
      case 'map': {
        const numbers = text === '' ? [] : text.split(',').map(sparseNumber);
        if (numbers.length % 2 !== 0 || this.#hasMap) throw damaged('has an offset without a length');
        this.#hasMap = true;
        for (let i = 0; i < numbers.length; i += 2)
          this.#map.add(numbers[i] as number, numbers[i + 1] as number);
        return;
      }
      default:
        if (value !== undefined) this.#texts.set(key, value);
    }
  }

  /** Returns the real name of the file, if the header has a substitute for readers without sparse support. */
  get name(): Buffer | undefined {
    return this.#texts.get('name');
  }

  /** Returns the size of the file with its holes, and its map; the map is undefined if it precedes the content. */
  describe(): { readonly realSize: number; readonly map: SparseMap | undefined } {
    const text = (key: string) => this.#texts.get(key)?.toString('latin1');
    const version = `${text('major') ?? '0'}.${text('minor') ?? '0'}`;
    const size = text('realsize') ?? text('size');
    if (size === undefined) throw damaged('has no size of the file');
    if (version === '1.0') return { realSize: sparseNumber(size), map: undefined };
    if (!/^0\.[01]$/.test(version)) throw damaged(`has the unknown version ${JSON.stringify(version)}`);
    const isEmpty = text('numblocks') === '0';
    if (!this.#hasMap && !isEmpty) throw damaged('is missing');
    return { realSize: sparseNumber(size), map: this.#map };
  }
}
