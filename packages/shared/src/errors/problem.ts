import { infrastructureFault } from './infrastructure.js';
import { type FieldError, SlipwayError } from './slipway-error.js';
import { type ErrorCode, errorRow } from './table.js';

/** The body of an `application/problem+json` answer (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly remedy: string;
  readonly errors?: readonly FieldError[];
}

/** Maps any thrown value to the problem that a client sees. Unknown errors reveal nothing of their content. */
export function toProblem(error: unknown): Problem {
  const known = error instanceof SlipwayError ? error : infrastructureFault(error);
  const code = known ? known.code : 'internal';
  const { title, status, remedy } = errorRow(code);
  return {
    type: `urn:slipway:error:${code}`,
    title,
    status,
    code,
    detail: known ? known.message : title,
    remedy,
    ...(known?.errors && { errors: known.errors }),
  };
}
