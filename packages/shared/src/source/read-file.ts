import type { SourceReader } from './source-store.js';
import { headerFields, headerLength } from './tar-encoder.js';
import { padded } from './tar-format.js';

interface ReadFileOptions {
  readonly sources: SourceReader;
  readonly digest: string;
  /** Within the source. */
  readonly path: string;
  readonly maxBytes: number;
}

/**
 * One small file of a source. `missing`: there is no such source, no such path, or it is a folder or a link;
 * `large`: it is longer than `maxBytes`, and was not read.
 */
export async function readSourceFile(options: ReadFileOptions): Promise<Buffer | 'missing' | 'large'> {
  const { sources, digest, path, maxBytes } = options;
  const manifest = await sources.manifest(digest);
  if (!manifest) return 'missing';
  let start = 0;
  for (const entry of manifest.entries) {
    const fields = headerFields(entry);
    const content = start + headerLength(fields);
    if (entry.path === path) {
      if (entry.type !== 'file') return 'missing';
      if (entry.size > maxBytes) return 'large';
      return await readAt({ sources, digest, start: content, bytes: entry.size });
    }
    start = content + padded(fields.size);
  }
  return 'missing';
}

interface Part {
  readonly sources: SourceReader;
  readonly digest: string;
  readonly start: number;
  readonly bytes: number;
}

async function readAt({ sources, digest, start, bytes }: Part): Promise<Buffer | 'missing'> {
  const tar = await sources.openTar(digest);
  if (!tar) return 'missing';
  try {
    const buffer = Buffer.alloc(bytes);
    const read = await tar.read(buffer, start);
    if (read < bytes) throw new Error(`the source ${digest} is cut short`);
    return buffer;
  } finally {
    await tar.close();
  }
}
