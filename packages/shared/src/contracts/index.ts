export {
  type BuilderConfig,
  type BuilderResult,
  type BuilderStatus,
  builderConfigSchema,
  configEntry,
  contextFolder,
  maxStreamLineBytes,
} from './function-builder.js';
export { type ImageReference, imageRepository, parseImageReference } from './image-reference.js';
