import { LRUCache } from 'lru-cache';
import type { BlobHandle } from '../blobs/index.js';
import type { SourceManifest, SourceReader } from './source-store.js';

interface CacheOptions {
  readonly sources: SourceReader;
  /** What is kept in all, in bytes of stored tars. */
  readonly maxBytes?: number;
  /** The largest source that is kept, in bytes of its stored tar. */
  readonly maxSourceBytes?: number;
}

/** A small source, or that this one is not small. */
type Kept = { readonly manifest: SourceManifest; readonly tar: Buffer } | 'large';

/**
 * Keeps small sources in memory, those last read: a template that hundreds of functions share, a function that is built again. What a
 * digest names never changes, so nothing kept is ever wrong; one that has been removed may be served a little longer.
 */
export function cacheSources({
  sources,
  maxBytes = 16 * 1024 * 1024,
  maxSourceBytes = 64 * 1024,
}: CacheOptions): SourceReader {
  const cache = new LRUCache<string, Kept>({
    maxSize: maxBytes,
    // A manifest takes about as much memory as the headers of its tar.
    sizeCalculation: (kept) => (kept === 'large' ? 256 : 2 * kept.tar.length),
    fetchMethod: (digest) => load(digest, sources, maxSourceBytes),
    ignoreFetchAbort: true,
  });
  return {
    async manifest(digest) {
      const kept = await cache.fetch(digest);
      return kept === 'large' ? await sources.manifest(digest) : kept?.manifest;
    },
    async openTar(digest) {
      const kept = await cache.fetch(digest);
      return kept === 'large' ? await sources.openTar(digest) : kept && opened(kept.tar);
    },
  };
}

async function load(digest: string, sources: SourceReader, maxBytes: number): Promise<Kept | undefined> {
  const handle = await sources.openTar(digest);
  if (!handle) return undefined;
  try {
    if (handle.bytes > maxBytes) return 'large';
    const tar = Buffer.allocUnsafeSlow(handle.bytes);
    const [manifest, read] = await Promise.all([sources.manifest(digest), handle.read(tar, 0)]);
    return manifest && read === tar.length ? { manifest, tar } : undefined;
  } finally {
    await handle.close();
  }
}

function opened(tar: Buffer): BlobHandle {
  return {
    bytes: tar.length,
    read: async (buffer, position) => tar.copy(buffer, 0, position, position + buffer.length),
    close: async () => undefined,
  };
}
