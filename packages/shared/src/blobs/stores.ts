import { tmpdir } from 'node:os';
import type { Fields } from '../config/fields.js';
import type { BlobStore, BlobStoreDefinition } from './blob-store.js';
import { fileBlobStore } from './file-store.js';
import { withLogs } from './log-store.js';
import { s3BlobStore } from './s3/definition.js';

/** The kinds of blob stores. A new kind is its file and its line here. */
const definitions: readonly BlobStoreDefinition[] = [fileBlobStore, s3BlobStore];

export interface BlobStoreConfig {
  /** The URL of the store; empty if it is unset or invalid. */
  readonly blobStore: string;
  /** The URL of the store of logs, if it is another one. */
  readonly blobStoreLogs: string | undefined;
  readonly blobTemporaryDir: string;
}

export function blobStoreConfig(fields: Fields): BlobStoreConfig {
  const forms = definitions.map(({ form, doc }) => `\`${form}\`: ${doc}`).join('; ');
  const parse = (raw: string) => {
    find(raw);
    return raw;
  };
  return {
    blobStore: fields.parsed('BLOB_STORE', { doc: forms, parse }) ?? '',
    blobStoreLogs: fields.optionalParsed('BLOB_STORE_LOGS', {
      doc: 'Another store for logs, as `BLOB_STORE`: a bucket or prefix of their own, or files beside S3; the same for all APIs and workers',
      shownDefault: 'as `BLOB_STORE`',
      parse,
    }),
    blobTemporaryDir: fields.string('BLOB_TEMPORARY_DIR', {
      doc: 'A folder for blobs on their way to S3; it needs room for the largest uploads that arrive at once',
      default: tmpdir(),
      shownDefault: "the system's folder for temporary files",
    }),
  };
}

export interface OpenBlobStoreOptions {
  /** Bytes of a disk that stay free; see `DiskFloor`. */
  readonly minFreeBytes?: number;
  /** The folder for temporary files of a store that is on no disk. */
  readonly temporaryDir?: string;
  /** The URL of another store for logs. */
  readonly logs?: string | undefined;
}

/** Opens the blob store that `url` names. */
export async function openBlobStore(url: string, options: OpenBlobStoreOptions = {}): Promise<BlobStore> {
  const { minFreeBytes = 0, temporaryDir = tmpdir(), logs } = options;
  const open = async (raw: string) => {
    const found = find(raw);
    return await found.definition.open({ url: found.url, minFreeBytes, temporaryDir });
  };
  const store = await open(url);
  return logs === undefined ? store : withLogs(store, await open(logs));
}

/** Throws an error that lists the known forms, or the error of the definition. */
function find(raw: string): { readonly definition: BlobStoreDefinition; readonly url: URL } {
  const url = URL.canParse(raw) ? new URL(raw) : undefined;
  const definition = definitions.find(({ scheme }) => url?.protocol === `${scheme}:`);
  if (!url || !definition) {
    const forms = definitions.map(({ form }) => form).join(' or ');
    throw new Error(`must be ${forms}, not '${url ? `${url.protocol}//…` : raw}'`);
  }
  definition.check(url);
  return { definition, url };
}
