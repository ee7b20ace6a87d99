export { type FunctionRecord, toFunctionView } from './function-record.js';
export { FunctionStore } from './function-store.js';
