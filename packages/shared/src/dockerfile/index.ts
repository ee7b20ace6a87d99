export { BaseImageCache } from './base-image-cache.js';
export { baseImages } from './base-images.js';
export { isIgnored, linesOf, type PlacedInstruction, parseDockerfile, space } from './instructions.js';
export { type Environment, Scope } from './scope.js';
export { type NamedSource, namedSources } from './sources.js';
