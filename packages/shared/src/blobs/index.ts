export type { BlobHandle, BlobStore, ByteRange, DiskSpace, Scratch } from './blob-store.js';
export { DiskFloor, diskSpace } from './disk-floor.js';
export { blobStore, openBlobStore } from './stores.js';
