import { parentOf } from './paths.js';
import type { SourceEntry } from './source-store.js';
import { encodeHeader, type HeaderFields, headerFields, headerLength, isPlain } from './tar-encoder.js';
import { padded } from './tar-format.js';

/** A piece of a payload: bytes made here, or a stretch of a layer's tar. */
export type Segment = { readonly made: Buffer } | Stretch;

export interface Stretch {
  readonly layer: number;
  readonly start: number;
  readonly end: number;
  /** Whether it is whole entries, each of whose headers gets the layer's folder as its ustar prefix. */
  readonly entries: boolean;
}

interface Layer {
  readonly at: string;
  readonly entries: readonly SourceEntry[];
}

/**
 * Lays sources over one another: which stretches of which tar make up the payload, in order. First the folders that the
 * layers are laid at, then each layer without what a later one shadows: a path that the later one has too, or one below
 * what the later one has and is no folder. A link is never followed: a later layer's entries replace it, or lie elsewhere.
 */
export function planLayers(layers: readonly Layer[]): Segment[] {
  const folders = foldersOf(layers);
  // One layer alone is kept whole.
  const owners = layers.length > 1 ? ownersOf(layers, folders) : undefined;
  const segments: Segment[] = folders.map((path) => ({ made: encode({ ...folder, path }) }));
  for (const [index, layer] of layers.entries()) {
    let start = 0;
    for (const entry of layer.entries) {
      const fields = headerFields(entry);
      const content = start + headerLength(fields);
      const end = content + padded(fields.size);
      const path = `${layer.at}/${entry.path}`;
      if (owners === undefined || owners.get(path)?.layer === index) {
        if (isPlain(fields)) extend(segments, { layer: index, start, end, entries: true });
        else {
          segments.push({ made: encode({ ...fields, path }) });
          if (end > content) segments.push({ layer: index, start: content, end, entries: false });
        }
      }
      start = end;
    }
  }
  return segments;
}

/** The bytes of the tar that a layer's manifest describes, its end mark left out. */
export function entriesLength(entries: readonly SourceEntry[]): number {
  let length = 0;
  for (const entry of entries) {
    const fields = headerFields(entry);
    length += headerLength(fields) + padded(fields.size);
  }
  return length;
}

/** What a path of the payload is. */
interface Owner {
  /** -1 for a folder that layers are laid at. */
  readonly layer: number;
  readonly entry: SourceEntry;
}

/** Returns what is at each path of the payload that these layers make. */
export function mergeLayers(layers: readonly Layer[]): ReadonlyMap<string, Owner> {
  return ownersOf(layers, foldersOf(layers));
}

const folder = { type: 'folder', executable: false, size: 0, target: '' } as const;

/** The folders that the layers are laid at, and those above them, parents first. */
function foldersOf(layers: readonly Layer[]): string[] {
  const folders = new Set<string>();
  for (const { at } of layers) {
    for (let path = at; path !== ''; path = parentOf(path)) folders.add(path);
  }
  return [...folders].sort();
}

/** Whose entry each path of the payload is. */
function ownersOf(layers: readonly Layer[], folders: readonly string[]): Map<string, Owner> {
  const owners = new Map<string, Owner>();
  for (const path of folders) owners.set(path, { layer: -1, entry: { path, type: 'folder' } });
  for (const [layer, { at, entries }] of [...layers.entries()].reverse()) {
    const won = entries
      .map((entry) => ({ entry, path: `${at}/${entry.path}` }))
      .filter(({ path }) => !isShadowed(path, owners));
    for (const { entry, path } of won) owners.set(path, { layer, entry });
  }
  return owners;
}

function isShadowed(path: string, owners: ReadonlyMap<string, Owner>): boolean {
  if (owners.has(path)) return true;
  for (let above = parentOf(path); above !== ''; above = parentOf(above)) {
    const owner = owners.get(above);
    // What is a folder there has folders above it.
    if (owner) return owner.entry.type !== 'folder';
  }
  return false;
}

function encode(fields: HeaderFields): Buffer {
  const out = Buffer.alloc(headerLength(fields));
  encodeHeader(fields, out, 0);
  return out;
}

/** Adds a stretch of entries, to the last one where that ends just before it. */
function extend(segments: Segment[], stretch: Stretch): void {
  const last = segments.at(-1);
  if (last && 'layer' in last && last.entries && last.layer === stretch.layer && last.end === stretch.start) {
    segments[segments.length - 1] = { ...last, end: stretch.end };
  } else segments.push(stretch);
}
