export type { BaseImageUse } from './base-images.js';
export { type FunctionRecord, toFunctionView } from './function-record.js';
export { FunctionStore } from './function-store.js';
