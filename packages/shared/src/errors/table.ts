import { archiveErrors } from './codes/archive.js';
import { buildErrors } from './codes/build.js';
import { requestErrors } from './codes/request.js';
import type { Row } from './codes/row.js';
import { systemErrors } from './codes/system.js';

export type { Fault, RetryRule } from './codes/row.js';

/** All error codes of Slipway. A code never changes its meaning. */
const errorTable = { ...requestErrors, ...archiveErrors, ...buildErrors, ...systemErrors };

export type ErrorCode = keyof typeof errorTable;

export const errorCodes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

/** Returns true for the codes of the blob store and its disk. */
export const isStorageCode = (code: ErrorCode) => code.startsWith('storage_');

export function errorRow(code: ErrorCode): Row {
  return errorTable[code];
}
