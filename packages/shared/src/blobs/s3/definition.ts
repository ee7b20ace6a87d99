import type { BlobStoreDefinition } from '../blob-store.js';
import { parseLocation } from './location.js';

/** A bucket of S3, or of a server that speaks its protocol. */
export const s3BlobStore: BlobStoreDefinition = {
  scheme: 's3',
  form: 's3://bucket/prefix?region=…',
  doc: 'a bucket (docs/operations/storage.md has `endpoint`, `path_style`, `kms_key_id`, `checksums`)',
  check: (url) => void parseLocation(url),
  async open({ url, ...options }) {
    // The client library takes some time and memory to load, which a store of files does not need.
    // The library would print a warning about Node.js 20, which its pinned version supports.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
    const { openS3BlobStore } = await import('./s3-store.js');
    return await openS3BlobStore({ location: parseLocation(url), ...options });
  },
};
