export { parseLocation } from '../s3/location.js';
export { openS3BlobStore } from '../s3/s3-store.js';
export { blobStoreConformance, type TestedStore } from './conformance.js';
