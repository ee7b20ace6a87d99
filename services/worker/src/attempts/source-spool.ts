import type { BlobStore } from '@slipway/shared/blobs';
import type { Fields } from '@slipway/shared/config';
import type { Cleanups } from '@slipway/shared/lifecycle';
import { createSourceReader, type SourceReader, spoolSources } from '@slipway/source';

export interface SourceSpoolConfig {
  /** Limit of local copies of large sources, in bytes. */
  readonly sourceSpoolBytes: number;
}

export function sourceSpoolConfig(fields: Fields): SourceSpoolConfig {
  return {
    sourceSpoolBytes: fields.int('SOURCE_SPOOL_BYTES', {
      doc: 'Local disk for copies of large sources, so that each is read once from a blob store in the network; 0 for none. Files need no copies',
      default: 2 * 1024 * 1024 * 1024,
      min: 0,
    }),
  };
}

interface ReaderOptions {
  readonly blobs: BlobStore;
  readonly config: SourceSpoolConfig;
  readonly cleanups: Cleanups;
}

/** Returns a reader of the blob store. It reads a large source once from a store in the network. */
export function readSources({ blobs, config, cleanups }: ReaderOptions): SourceReader {
  const sources = createSourceReader({ blobs });
  if (!blobs.isRemote) return sources;
  const spool = spoolSources({ sources, blobs, maxBytes: config.sourceSpoolBytes });
  cleanups.defer('copies of sources', () => spool.close());
  return spool.sources;
}
