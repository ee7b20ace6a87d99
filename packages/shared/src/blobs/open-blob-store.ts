import { fileURLToPath } from 'node:url';
import type { BlobStore } from './blob-store.js';
import { DiskFloor, diskSpace } from './disk-floor.js';
import { openFileBlobStore } from './file-store.js';

/** Returns a blob store's URL (`file:///folder`). Throws an error that names the mistake; for `fields.parsed('BLOB_STORE', blobStoreUrl)`. */
export function blobStoreUrl(raw: string): string {
  folderOf(raw);
  return raw;
}

/** Opens the blob store that `url` names, and creates a missing folder. Keeps `minFreeBytes` of its disk free; see `DiskFloor`. */
export async function openBlobStore(url: string, { minFreeBytes = 0 } = {}): Promise<BlobStore> {
  const directory = folderOf(url);
  const space = () => diskSpace(directory);
  const floor = new DiskFloor({ minFreeBytes, space, now: () => performance.now() });
  return openFileBlobStore({ directory, floor });
}

function folderOf(raw: string): string {
  const url = URL.canParse(raw) ? new URL(raw) : undefined;
  if (url?.protocol !== 'file:') {
    throw new Error(`must be file:///folder, not '${url ? `${url.protocol}//…` : raw}'`);
  }
  return fileURLToPath(url);
}
