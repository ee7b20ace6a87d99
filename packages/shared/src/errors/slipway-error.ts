import { type ErrorCode, errorRow } from './table.js';

/** An error in one field of a request. `path` is a JSON Pointer (RFC 6901). */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface SlipwayErrorOptions {
  readonly cause?: unknown;
  readonly errors?: readonly FieldError[];
  /** Seconds after which the same request may succeed, for `Retry-After`. */
  readonly retryAfter?: number;
}

/** An error with a code of the table. Callers see `message`, so it holds no secret. */
export class SlipwayError extends Error {
  override readonly name = 'SlipwayError';
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, detail?: string, options: SlipwayErrorOptions = {}) {
    super(detail ?? errorRow(code).title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors;
    this.retryAfter = options.retryAfter;
  }
}

/** Returns the code of any thrown value; `internal` for a foreign error. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof SlipwayError ? error.code : 'internal';
}
