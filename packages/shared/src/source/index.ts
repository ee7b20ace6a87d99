export { createSourceStore } from './create-source-store.js';
export type { Payload, PayloadLayer, PayloadOptions } from './payload.js';
export type {
  SourceEntry,
  SourceInfo,
  SourceLimits,
  SourceManifest,
  SourceStore,
  SourceStoreOptions,
} from './source-store.js';
