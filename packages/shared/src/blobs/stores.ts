import type { Fields } from '../config/fields.js';
import type { BlobStore, BlobStoreDefinition } from './blob-store.js';
import { fileBlobStore } from './file-store.js';

/** The kinds of blob stores. A new kind is its file and its line here. */
const definitions: readonly BlobStoreDefinition[] = [fileBlobStore];

/** Returns the URL of `BLOB_STORE`; empty if it is unset or invalid. */
export function blobStore(fields: Fields): string {
  const doc = definitions.map(({ form, doc }) => `\`${form}\`: ${doc}`).join('; ');
  const parse = (raw: string) => {
    find(raw);
    return raw;
  };
  return fields.parsed('BLOB_STORE', { doc, parse }) ?? '';
}

/** Opens the blob store that `url` names. Keeps `minFreeBytes` of a disk free; see `DiskFloor`. */
export async function openBlobStore(url: string, { minFreeBytes = 0 } = {}): Promise<BlobStore> {
  const found = find(url);
  return await found.definition.open({ url: found.url, minFreeBytes });
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
