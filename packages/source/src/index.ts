export { cacheSources } from './cached-source-reader.js';
export { type ContextFiles, insideContext } from './context/context-files.js';
export { findDockerfile } from './context/dockerfile.js';
export { folderContext } from './context/folder-context.js';
export { layeredContext } from './context/layered-context.js';
export { layersOf } from './context/layers.js';
export { createSourceReader, createSourceStore, listSources, removeSources } from './create-source-store.js';
export { describeSource } from './describe.js';
export { checkIgnoreFile, ignoreFileNames, readIgnoreRules } from './ignore/ignore-file.js';
export { type ContextSelection, selectPaths } from './ignore/select.js';
export { walkContext } from './ignore/walk.js';
export { packFiles } from './inline.js';
export { checkLinkTarget, hardLinkTarget, readLinkTarget } from './link-target.js';
export { NameBudget } from './names.js';
export { normalPath, parentOf } from './paths.js';
export { createPayload, type Payload, type PayloadLayer, type PayloadOptions } from './payload.js';
export { PayloadBeside } from './payload-beside.js';
export {
  type PulledFrom,
  pulledNote,
  readNote,
  settledNote,
  withoutCredentials,
  writeNote,
} from './pulled-template.js';
export { readSourceFile } from './read-file.js';
export { type OwnedSource, SourceOwners } from './source-owners.js';
export { quotaExceeded, type Waiting } from './source-room.js';
export type {
  IngestOptions,
  SourceEntry,
  SourceInfo,
  SourceLimits,
  SourceManifest,
  SourceReader,
  SourceRoom,
  SourceStore,
  SourceStoreOptions,
} from './source-store.js';
export { type SourceClaims, SourceUses } from './source-uses.js';
export { spoolSources } from './spooled-source-reader.js';
export { decodeName } from './tar-fields.js';
export { type TarEntry, TarReader, type TarSink } from './tar-reader.js';
export { singleTopFolder } from './top-folder.js';
