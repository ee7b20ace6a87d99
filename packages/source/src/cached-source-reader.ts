import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { BlobHandle } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import { LRUCache } from 'lru-cache';
import { entriesLength } from './payload-plan.js';
import type { SourceManifest, SourceReader } from './source-store.js';
import { encodeHeader, headerFields, headerLength } from './tar-encoder.js';
import { endOfArchive, padded } from './tar-format.js';

interface CacheOptions {
  readonly sources: SourceReader;
  /** The maximum of the cache, in bytes of stored tars. */
  readonly maxBytes?: number;
  /** The largest source to cache, in bytes of its stored tar. */
  readonly maxSourceBytes?: number;
}

/** A cached small source, or the fact that this one is large. */
type Kept = { readonly manifest: SourceManifest; readonly tar: Buffer } | 'large';

/**
 * Caches the recently read small sources in memory: a template that hundreds of functions share, or a function that is rebuilt. It
 * verifies the bytes against the manifest before it caches them, so a damaged source is read again after an upload replaced it. A
 * removed source may be served a little longer.
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
    streamTar: (digest) => sources.streamTar(digest),
    async openTar(digest) {
      const kept = await cache.fetch(digest);
      return kept === 'large' ? await sources.openTar(digest) : kept && opened(kept.tar);
    },
  };
}

/** The manifest has the length of the tar, so that each is one request. */
async function load(digest: string, sources: SourceReader, maxBytes: number): Promise<Kept | undefined> {
  const manifest = await sources.manifest(digest);
  if (!manifest) return undefined;
  const bytes = entriesLength(manifest.entries) + endOfArchive.length;
  if (bytes > maxBytes) return 'large';
  const stream = await sources.streamTar(digest);
  if (!stream) return undefined;
  const tar = await readUpTo(stream, bytes);
  if (!fits(manifest, tar))
    throw new SlipwayError('source_damaged', `The stored tar of ${digest} does not match its manifest.`);
  return { manifest, tar };
}

/** Returns the bytes of a stream. Stops beyond a limit, so that a damaged blob does not fill memory. */
async function readUpTo(stream: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > maxBytes) break;
  }
  // A buffer of its own: a slice would keep a whole pool in memory.
  const whole = Buffer.allocUnsafeSlow(bytes);
  Buffer.concat(chunks).copy(whole);
  return whole;
}

/** Returns true if a tar has exactly the headers and contents of its manifest. */
function fits(manifest: SourceManifest, tar: Buffer): boolean {
  let start = 0;
  if (tar.length !== entriesLength(manifest.entries) + endOfArchive.length) return false;
  for (const entry of manifest.entries) {
    const fields = headerFields(entry);
    const header = Buffer.alloc(headerLength(fields));
    encodeHeader(fields, header, 0);
    const content = start + header.length;
    if (!header.equals(tar.subarray(start, content))) return false;
    const bytes = tar.subarray(content, content + fields.size);
    if (entry.type === 'file' && hash('sha256', bytes) !== entry.sha256) return false;
    start = content + padded(fields.size);
  }
  return true;
}

function opened(tar: Buffer): BlobHandle {
  return {
    bytes: tar.length,
    read: async (buffer, position) => tar.copy(buffer, 0, position, position + buffer.length),
    close: async () => undefined,
  };
}
