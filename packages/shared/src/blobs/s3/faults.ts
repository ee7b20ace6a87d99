import { type ErrorCode, SlipwayError } from '../../errors/index.js';

/** The client library throws it for the answer of a server, and for a broken connection. */
interface ClientError extends Error {
  readonly code?: string;
  readonly $metadata?: {
    readonly httpStatusCode?: number | undefined;
    readonly requestId?: string | undefined;
  };
}

/** A failed call of S3. It has no `cause`, because the errors of the client library quote access keys. */
export class S3Fault extends SlipwayError {
  /** The HTTP status of the answer; undefined if there was none. */
  readonly status: number | undefined;
  /** The error code of S3, such as `NoSuchKey`, or that of the connection, such as `ECONNRESET`. */
  readonly reason: string;

  constructor(code: ErrorCode, detail: string, { status, reason }: Pick<S3Fault, 'status' | 'reason'>) {
    super(code, detail);
    this.status = status;
    this.reason = reason;
  }
}

/** Codes of errors that S3 names. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const codes: Readonly<Record<string, ErrorCode>> = {
  NoSuchBucket: 'storage_misconfigured',
  PermanentRedirect: 'storage_misconfigured',
  AuthorizationHeaderMalformed: 'storage_misconfigured',
  BadDigest: 'storage_changed',
  InvalidDigest: 'storage_changed',
  XAmzContentChecksumMismatch: 'storage_changed',
  XAmzContentSHA256Mismatch: 'storage_changed',
  RequestTimeTooSkewed: 'storage_clock_skewed',
  // An unknown access key at versitygw.
  XAdminUserNotFound: 'storage_unauthorized',
  ExpiredToken: 'storage_unauthorized',
  InvalidToken: 'storage_unauthorized',
  TokenRefreshRequired: 'storage_unauthorized',
  CredentialsProviderError: 'storage_unauthorized',
  TokenProviderError: 'storage_unauthorized',
  RequestTimeout: 'storage_unavailable',
  SlowDown: 'storage_unavailable',
  QuotaExceeded: 'storage_full',
  InsufficientCapacity: 'storage_full',
  XMinioStorageFull: 'storage_full',
};

/** Answers to HEAD have no code, so that the library calls them NotFound. */
const changed: readonly string[] = ['NoSuchKey', 'NoSuchUpload', 'NotFound'];

/** Returns the fault of a call. Anything that is no answer is an outage, such as a refused or cut connection. */
export function faultOf(error: unknown, operation: string): Error {
  if (error instanceof SlipwayError || !(error instanceof Error) || error.name === 'AbortError') {
    return error as Error;
  }
  const { name, code, message, $metadata: { httpStatusCode: status, requestId } = {} } = error as ClientError;
  // Without an answer, the code of the system says more than the name.
  const named = status === undefined && code !== undefined ? code : name;
  const reason = named === 'Error' || named === 'TypeError' ? message : named;
  const answer = `${status ?? 'no answer'} ${reason}${requestId === undefined ? '' : ` (request ${requestId})`}`;
  return new S3Fault(codeOfAnswer(status, reason), `${operation}: ${answer}`, { status, reason });
}

/** Returns the code of an answer, by the error that S3 names, and else by its status. */
export function codeOfAnswer(status: number | undefined, reason: string): ErrorCode {
  const known = codes[reason];
  if (known) return known;
  if (status === undefined || status === 429 || (status >= 500 && status !== 507))
    return 'storage_unavailable';
  if (status === 507) return 'storage_full';
  if (status === 401 || status === 403) return 'storage_unauthorized';
  // The object is not, or no longer, the one that the request names.
  if ([409, 412, 416].includes(status) || changed.includes(reason)) return 'storage_changed';
  return 'storage_misconfigured';
}

/** Returns true if the object is missing. An answer to HEAD has no code. */
export const isMissing = (error: unknown): boolean =>
  error instanceof S3Fault &&
  (error.reason === 'NoSuchKey' || error.reason === 'NotFound') &&
  error.status === 404;

/** Returns true if a conditional write met another writer: the object appeared, changed or disappeared. */
export const metAnotherWriter = (error: unknown): boolean =>
  isMissing(error) || (error instanceof S3Fault && (error.status === 412 || error.status === 409));
