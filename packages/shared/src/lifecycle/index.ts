export { Cleanups } from './cleanups.js';
export { type Component, runComponents, runProcess } from './process.js';
export { untilAborted } from './until-aborted.js';
