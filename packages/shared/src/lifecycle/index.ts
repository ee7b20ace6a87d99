export { Cleanups } from './cleanups.js';
export { type Component, runComponents, runProcess } from './process.js';
