import type { Readable } from 'node:stream';
import type { BlobStore } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import { createSourceStore, listSources, type SourceStore } from '@slipway/source';
import { type BlobKind, blobKinds } from './kinds.js';

/** The number of blobs by what became of them. */
export interface Copied {
  copied: number;
  copiedBytes: number;
  /** The other store had them. */
  present: number;
  /** Incomplete, or removed or written again while they were copied. */
  changed: number;
  /** Their content is not what their digest says, so they were left out. */
  damaged: number;
}

export type Progress = Readonly<Record<BlobKind, Copied>>;

interface CopyBlobsOptions {
  readonly from: BlobStore;
  readonly to: BlobStore;
  readonly kinds?: readonly BlobKind[];
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Receives each blob that could not be copied whole. */
  readonly onDamaged?: (key: string, reason: string) => void;
  readonly progress: Progress;
}

/** Nothing that a store holds is refused: each source was within the limits of its time. */
const unlimited = {
  maxArchiveBytes: Number.MAX_SAFE_INTEGER,
  maxBytes: Number.MAX_SAFE_INTEGER,
  maxFiles: Number.MAX_SAFE_INTEGER,
  maxRatio: Number.MAX_SAFE_INTEGER,
};

export const noProgress = (): Progress => ({ sources: nothing(), logs: nothing() });
const nothing = (): Copied => ({ copied: 0, copiedBytes: 0, present: 0, changed: 0, damaged: 0 });

/**
 * Copies each blob that the other store lacks, in bounded memory. Counts in `progress` as it goes. Rejects with the error of a
 * store, or the signal's reason; what is copied by then is complete, and the next call skips it.
 */
export async function copyBlobs(options: CopyBlobsOptions): Promise<void> {
  const { from, kinds = blobKinds, concurrency } = options;
  if (kinds.includes('sources')) {
    const original = createSourceStore({ blobs: from, limits: unlimited });
    const sources = createSourceStore({ blobs: options.to, limits: unlimited });
    const digests = each(listSources({ blobs: from, halves: false }));
    await inParallel(digests, concurrency, (digest) => copySource({ ...options, original, sources, digest }));
  }
  if (kinds.includes('logs')) {
    await inParallel(each(from.list('logs')), concurrency, (key) => copyLog({ ...options, key }));
  }
}

interface CopySourceOptions extends CopyBlobsOptions {
  readonly original: SourceStore;
  readonly sources: SourceStore;
  readonly digest: string;
}

/** The store computes the digest again from the content, and writes the manifest last. */
async function copySource({
  original,
  sources,
  digest,
  signal,
  onDamaged,
  progress: { sources: counts },
}: CopySourceOptions): Promise<void> {
  signal.throwIfAborted();
  if (await sources.find(digest)) {
    counts.present++;
    return;
  }
  const known = await original.find(digest);
  const tar = known && (await original.streamTar(digest));
  if (!tar) {
    counts.changed++;
    return;
  }
  const read = new CountedRead(tar);
  const admit = async (info: { readonly digest: string }) => {
    if (info.digest !== digest) throw new DamagedSource(`its files have the digest ${info.digest}`);
  };
  try {
    await sources.ingest(read, { signal, room: { grow: async () => undefined, admit } });
    counts.copied++;
    counts.copiedBytes += read.bytes;
  } catch (error) {
    // The store's own error says more than that of the reader of archives.
    if (read.error) throw read.error;
    if (!isDamage(error)) throw error;
    counts.damaged++;
    onDamaged?.(digest, error.message);
  } finally {
    tar.destroy();
  }
}

/** Counts what is read from a stream, and keeps its error. */
class CountedRead implements AsyncIterable<Uint8Array> {
  readonly #stream: Readable;
  bytes = 0;
  error: unknown;

  constructor(stream: Readable) {
    this.#stream = stream;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#stream) {
        this.bytes += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
    } catch (error) {
      this.error = error;
      throw error;
    }
  }
}

class DamagedSource extends Error {}

/** An archive that cannot be read is damaged. Any other error is one of a store. */
function isDamage(error: unknown): error is Error {
  return (
    error instanceof DamagedSource || (error instanceof SlipwayError && error.code.startsWith('source_'))
  );
}

async function copyLog({
  from,
  to,
  signal,
  key,
  progress: { logs: counts },
}: CopyBlobsOptions & { readonly key: string }): Promise<void> {
  signal.throwIfAborted();
  const [original, copy] = await Promise.all([from.stat(key), to.stat(key)]);
  // A log that was written again has a later time, perhaps with the same size.
  if (original && copy?.bytes === original.bytes && copy.modified >= original.modified) {
    counts.present++;
    return;
  }
  const stream = original && (await from.stream(key));
  if (!stream) {
    counts.changed++;
    return;
  }
  const abort = () => stream.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort);
  try {
    const { bytes } = await to.write(key, stream);
    const kept = await to.stat(key);
    if (kept?.bytes !== bytes)
      throw new SlipwayError(
        'storage_changed',
        `${key} has ${kept?.bytes} bytes after ${bytes} were written.`,
      );
    if (bytes === original.bytes) {
      counts.copied++;
      counts.copiedBytes += bytes;
    } else counts.changed++;
  } finally {
    signal.removeEventListener('abort', abort);
    stream.destroy();
  }
}

async function* each(pages: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  for await (const page of pages) yield* page;
}

/** Runs `work` on all items, several at once. After an error begins no more, and rejects once the others have ended. */
async function inParallel(
  items: AsyncGenerator<string>,
  concurrency: number,
  work: (item: string) => Promise<void>,
): Promise<void> {
  let failed = false;
  const worker = async () => {
    while (!failed) {
      const { done, value } = await items.next();
      if (done) return;
      try {
        await work(value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: concurrency }, worker));
  await items.return(undefined);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
