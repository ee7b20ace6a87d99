export type { BlobHandle, BlobStore, ByteRange, Scratch } from './blob-store.js';
export { blobStoreUrl, openBlobStore } from './open-blob-store.js';
