export { type Answer, BufferedAnswer, cutError, cutLogLine, StreamedAnswer } from './answers.js';
export { type BuildConfig, parseBuildConfig } from './build-config.js';
export type { BuildOptions } from './build-options.js';
export { BaseList, baseOfStep, LoggedBases } from './logged-bases.js';
export { type PayloadBounds, payloadBounds } from './payload-bounds.js';
export { unverifiedBody } from './unverified-body.js';
export { type Arrival, UnverifiedPayloads } from './unverified-payloads.js';
