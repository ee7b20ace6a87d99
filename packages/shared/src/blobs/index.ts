export type { Adopted, BlobHandle, BlobStat, BlobStore, ByteRange, Capacity, Scratch } from './blob-store.js';
export { DiskFloor, diskSpace } from './disk-floor.js';
export { blobStore, openBlobStore } from './stores.js';
