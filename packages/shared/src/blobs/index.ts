export type { BlobHandle, BlobStore, ByteRange, Scratch } from './blob-store.js';
export { DiskFloor, diskSpace } from './disk-floor.js';
export { blobStoreUrl, openBlobStore } from './open-blob-store.js';
