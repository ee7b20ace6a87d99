export { brokenText } from './broken-text.js';
export { infrastructureFault } from './infrastructure.js';
export { type Problem, toProblem } from './problem.js';
export { mayShow, shownValue } from './shown-value.js';
export { codeOf, type FieldError, SlipwayError } from './slipway-error.js';
export { type ErrorCode, errorCodes, errorRow, type Fault, isStorageCode, type RetryRule } from './table.js';
