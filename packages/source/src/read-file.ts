import type { SourceEntry, SourceReader } from './source-store.js';
import { headerFields, headerLength } from './tar-encoder.js';
import { padded } from './tar-format.js';

interface ReadFileOptions {
  readonly sources: SourceReader;
  readonly digest: string;
  /** The path within the source. */
  readonly path: string;
  readonly maxBytes: number;
}

/**
 * Returns one small file of a source. `missing`: the source or the path does not exist, or the path is a folder or a link;
 * `large`: the file is longer than `maxBytes`, and was not read.
 */
export async function readSourceFile(options: ReadFileOptions): Promise<Buffer | 'missing' | 'large'> {
  const { sources, digest, path, maxBytes } = options;
  const manifest = await sources.manifest(digest);
  if (!manifest) return 'missing';
  const entry = manifest.entries.find((each) => each.path === path);
  if (entry?.type !== 'file') return 'missing';
  if (entry.size > maxBytes) return 'large';
  return (await readEntry({ sources, digest, entries: manifest.entries, entry })) ?? 'missing';
}

interface ReadEntryOptions {
  readonly sources: SourceReader;
  readonly digest: string;
  /** All entries of the source, in order. */
  readonly entries: readonly SourceEntry[];
  /** The file's entry in `entries`. */
  readonly entry: SourceEntry;
}

/** Returns the content of a file; undefined when the source is gone. */
export async function readEntry(options: ReadEntryOptions): Promise<Buffer | undefined> {
  const { sources, digest, entries, entry } = options;
  let start = 0;
  for (const each of entries) {
    const fields = headerFields(each);
    const content = start + headerLength(fields);
    if (each === entry) return await readAt({ sources, digest, start: content, bytes: fields.size });
    start = content + padded(fields.size);
  }
  throw new RangeError(`not an entry of ${digest}: ${entry.path}`);
}

interface Part {
  readonly sources: SourceReader;
  readonly digest: string;
  readonly start: number;
  readonly bytes: number;
}

async function readAt({ sources, digest, start, bytes }: Part): Promise<Buffer | undefined> {
  const tar = await sources.openTar(digest);
  if (!tar) return undefined;
  try {
    const buffer = Buffer.alloc(bytes);
    const read = await tar.read(buffer, start);
    if (read < bytes) throw new Error(`the source ${digest} is cut short`);
    return buffer;
  } finally {
    await tar.close();
  }
}
