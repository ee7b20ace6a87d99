export { Cleanups } from './cleanups.js';
export {
  type Component,
  limitWasmCompiler,
  runComponents,
  runService,
  type ServiceDeps,
  stopInOrder,
  timeForWork,
} from './service.js';
export { untilAborted } from './until-aborted.js';
