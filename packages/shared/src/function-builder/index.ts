export { type Answer, BufferedAnswer, StreamedAnswer } from './answers.js';
export { type BuildConfig, parseBuildConfig } from './build-config.js';
