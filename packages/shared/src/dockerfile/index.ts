export { baseImages } from './base-images.js';
export { isIgnored, linesOf, parseDockerfile, space } from './instructions.js';
export { type NamedSource, namedSources } from './sources.js';
