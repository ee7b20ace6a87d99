import type { Readable } from 'node:stream';
import type { BlobHandle, BlobStat, BlobStore } from '@slipway/shared/blobs';
import { LRUCache } from 'lru-cache';
import { Collector } from './collector.js';
import { formatManifest, manifestDigest, parseManifest } from './manifest.js';
import { PayloadIntake } from './payload-intake.js';
import { entriesLength } from './payload-plan.js';
import type {
  IngestOptions,
  SourceInfo,
  SourceManifest,
  SourceReader,
  SourceStore,
  SourceStoreOptions,
} from './source-store.js';
import { withoutClaims } from './source-uses.js';
import { type Range, SpillBuffer } from './spill-buffer.js';
import { endOfArchive } from './tar-format.js';
import { TarReader, type TarSink } from './tar-reader.js';
import { unpacked } from './unpacked.js';

const folder = 'sources';
/** Sources found within this time need no check of their blobs: the store records a removal for an hour (lua/sources/gone.lua). */
const foundForMs = 10 * 60_000;
const foundAtMost = 10_000;

/**
 * Returns a store of sources in a blob store: `sources/<hex>.tar` in the normal form, and `sources/<hex>.json`, the canonical
 * manifest, which is written last. A source counts as stored when its manifest has the digest, and its tar has the length that the
 * manifest implies. An upload compares the stored tar with its own, byte for byte, and replaces a different one.
 */
export function createSourceStore({
  blobs,
  limits,
  claims = withoutClaims,
}: SourceStoreOptions): SourceStore {
  const found = new LRUCache<string, SourceInfo>({ max: foundAtMost, ttl: foundForMs });

  const stored = async (digest: string): Promise<Stored | undefined> => {
    const keys = keysOf(digest);
    const text = keys && (await readText(blobs, keys.manifest));
    if (!keys || text === undefined) return undefined;
    // A damaged source counts as missing: the next upload writes it again.
    if (manifestDigest(text) !== digest) return undefined;
    const { files, bytes, entries } = parseManifest(text);
    const tar = await blobs.stat(keys.tar);
    if (tar?.bytes !== entriesLength(entries) + endOfArchive.length) return undefined;
    return { info: { digest, files, bytes }, tar };
  };

  const keep = async ({ buffer, ranges, manifest, keys }: Kept) => {
    const tar = await buffer.finish(ranges);
    const text = await blobs.scratch();
    try {
      await text.write(Buffer.from(manifest));
      await blobs.adopt([
        { scratch: tar, key: keys.tar },
        { scratch: text, key: keys.manifest },
      ]);
    } finally {
      await text.discard();
    }
  };

  /** Compares the stored tar with an upload. A store that knows the hash of its blob need not send the blob. */
  const holdsSame = async (tar: BlobStat, { buffer, ranges, keys }: Omit<Kept, 'manifest'>) => {
    if (tar.sha256 !== undefined) return (await buffer.sha256(ranges)) === tar.sha256;
    const handle = await blobs.open(keys.tar);
    if (!handle) return false;
    try {
      return await buffer.equals(handle, ranges);
    } finally {
      await handle.close();
    }
  };

  /** Stores the entries that the sink passes to the collector. Reads the entries beside the context before it keeps anything. */
  const take = async <T>(
    body: Readable | AsyncIterable<Uint8Array>,
    { signal, room }: IngestOptions,
    through: (collector: Collector) => { readonly sink: TarSink; readonly beside: () => T },
  ) => {
    const buffer = new SpillBuffer({ blobs });
    try {
      const collector = new Collector({ limits, buffer });
      const { sink, beside } = through(collector);
      const reader = new TarReader({ sink });
      for await (const piece of unpacked({ body, limits, signal })) {
        for (let at = 0; at < piece.length; ) {
          at = reader.write(piece, at);
          if (!buffer.mustSpill) continue;
          await room?.grow({ disk: buffer.bytes, files: collector.bytes });
          await buffer.settle();
        }
      }
      reader.end();
      const rest = beside();
      const { ranges: files, ...counted } = collector.finish();
      const manifest = formatManifest(counted);
      const digest = manifestDigest(manifest);
      const info = { digest, files: counted.files, bytes: counted.bytes };
      await room?.admit(info);
      const keys = keysFor(digest);
      const ranges = [...files, { start: buffer.bytes, end: buffer.bytes + endOfArchive.length }];
      buffer.append(endOfArchive);
      // `claim` may ask again while the source is being removed, but the comparison runs once.
      let same: boolean | undefined;
      const isThere = async () => {
        const there = await stored(digest);
        if (there === undefined) return false;
        same ??= await holdsSame(there.tar, { buffer, ranges, keys });
        return same;
      };
      if ((await claims.claim(digest, isThere)) === 'there') return { ...info, created: false, ...rest };
      try {
        signal?.throwIfAborted();
        await keep({ buffer, ranges, manifest, keys });
      } catch (error) {
        await claims.release(digest);
        throw error;
      }
      await claims.stored(digest);
      found.set(digest, info);
      return { ...info, created: true, ...rest };
    } finally {
      await buffer.discard();
    }
  };

  return {
    async find(digest) {
      const known = found.get(digest);
      const info = known ?? (await stored(digest))?.info;
      if (info === undefined) return undefined;
      if (!(await claims.touch(digest))) {
        found.delete(digest);
        return undefined;
      }
      if (known === undefined) found.set(digest, info);
      return info;
    },

    async ingest(body, options = {}) {
      return await take(body, options, (collector) => ({ sink: collector, beside: () => ({}) }));
    },

    async ingestPayload(body, options = {}) {
      return await take(body, options, (collector) => {
        const sink = new PayloadIntake({ collector, maxBytes: limits.maxBytes });
        return { sink, beside: () => ({ config: sink.beside.config, secrets: sink.beside.secrets }) };
      });
    },

    ...createSourceReader({ blobs }),
  };
}

/** Removes the blobs of sources without references, manifests first; see `SourceUses` for the permitted callers. */
export async function removeSources({ blobs, digests, signal }: RemoveOptions): Promise<void> {
  const keys = digests.map(keysFor);
  await blobs.removeAll(
    keys.map(({ manifest }) => manifest),
    { signal },
  );
  await blobs.removeAll(
    keys.map(({ tar }) => tar),
    { signal },
  );
}

/**
 * Yields the digests of stored sources in pages, including halves of interrupted writes. With `halves: false` yields only sources
 * with a manifest, each once; otherwise a digest may be in several pages.
 */
export async function* listSources({
  blobs,
  halves = true,
}: {
  readonly blobs: Pick<BlobStore, 'list'>;
  readonly halves?: boolean;
}): AsyncGenerator<string[]> {
  const pattern = halves ? /^sources\/([0-9a-f]{64})\.(?:tar|json)$/ : /^sources\/([0-9a-f]{64})\.json$/;
  for await (const keys of blobs.list(folder)) {
    const names = keys.map((key) => pattern.exec(key)?.[1]);
    yield [...new Set(names.filter((name) => name !== undefined))].map((name) => `sha256:${name}`);
  }
}

/** Returns the reading part of a store, which is all that a worker needs. */
export function createSourceReader({ blobs }: Pick<SourceStoreOptions, 'blobs'>): SourceReader {
  return {
    async manifest(digest): Promise<SourceManifest | undefined> {
      const keys = keysOf(digest);
      const text = keys && (await readText(blobs, keys.manifest));
      return text === undefined ? undefined : parseManifest(text);
    },

    async openTar(digest): Promise<BlobHandle | undefined> {
      const keys = keysOf(digest);
      return keys && (await blobs.open(keys.tar));
    },

    async streamTar(digest): Promise<Readable | undefined> {
      const keys = keysOf(digest);
      return keys && (await blobs.stream(keys.tar));
    },
  };
}

interface RemoveOptions {
  readonly blobs: Pick<BlobStore, 'removeAll'>;
  readonly digests: readonly string[];
  /** Ends the removal, because an upload may write the sources again later. */
  readonly signal: AbortSignal;
}

interface Stored {
  readonly info: SourceInfo;
  readonly tar: BlobStat;
}

interface Kept {
  readonly buffer: SpillBuffer;
  readonly ranges: readonly Range[];
  readonly manifest: string;
  readonly keys: Keys;
}

interface Keys {
  readonly tar: string;
  readonly manifest: string;
}

/** Returns `undefined` for an invalid digest. */
function keysOf(digest: string): Keys | undefined {
  return /^sha256:[0-9a-f]{64}$/.test(digest) ? keysFor(digest) : undefined;
}

function keysFor(digest: string): Keys {
  const name = `${folder}/${digest.slice('sha256:'.length)}`;
  return { tar: `${name}.tar`, manifest: `${name}.json` };
}

/** Reads a text with one request. */
async function readText(blobs: Pick<BlobStore, 'stream'>, key: string): Promise<string | undefined> {
  const stream = await blobs.stream(key);
  return stream && Buffer.concat(await stream.toArray()).toString('utf8');
}
