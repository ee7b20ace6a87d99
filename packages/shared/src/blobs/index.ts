export type { Adopted, BlobHandle, BlobStat, BlobStore, ByteRange, Capacity, Scratch } from './blob-store.js';
export { DiskFloor, diskSpace } from './disk-floor.js';
export { type BlobStoreConfig, blobStoreConfig, openBlobStore } from './stores.js';
