export { type BaseImageUse, type CurrentBase, functionsBehind } from './base-images.js';
export { type BaseUse, readBaseUses } from './base-uses.js';
export {
  type BaseCheckError,
  type BaseState,
  type BaseUser,
  BaseWatch,
  readBaseStates,
  type TakenBase,
} from './base-watch.js';
export { type FunctionRecord, toFunctionView } from './function-record.js';
export { FunctionStore } from './function-store.js';
