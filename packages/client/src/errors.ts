import type { components } from './schema.js';

type Problem = components['schemas']['Problem'];
/** An invalid field of a request; `path` is a JSON Pointer (RFC 6901). */
export type FieldError = NonNullable<Problem['errors']>[number];

/** The API refused a request or could not answer it. The message is `code: detail`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** An error code of the API, or `http_<status>` when something other than the API answered. */
  readonly code: string;
  readonly status: number;
  /** The problem, with the value that caused it. */
  readonly detail: string;
  /** The next step for the user. */
  readonly remedy: string;
  readonly errors: readonly FieldError[];
  /** Seconds after which the same request may work. */
  readonly retryAfter: number | undefined;

  constructor(given: Pick<ApiError, 'code' | 'status' | 'detail' | 'remedy' | 'errors' | 'retryAfter'>) {
    super(`${given.code}: ${given.detail}`);
    this.code = given.code;
    this.status = given.status;
    this.detail = given.detail;
    this.remedy = given.remedy;
    this.errors = given.errors;
    this.retryAfter = given.retryAfter;
  }
}

/** No answer came: nothing listens at the address, the host name is unknown, or the connection broke. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  /** Scheme, host and port of the server. */
  readonly server: string;

  constructor({ server, cause }: { server: string; cause: unknown }) {
    super(`${server} cannot be reached: ${connectionReason(cause)}`, { cause });
    this.server = server;
  }
}

/** Returns the problem (RFC 9457) of a response that is not 2xx. */
export async function readProblem(response: Response): Promise<ApiError> {
  const { status, headers, url } = response;
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
  const rest = { status, retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined };
  const text = await response.text().catch(() => '');
  const problem = headers.get('content-type')?.startsWith('application/problem+json') && parse(text);
  if (problem) {
    const { code, detail, remedy, errors = [] } = problem;
    return new ApiError({ ...rest, code, detail, remedy, errors });
  }
  const location = headers.get('location');
  const server = URL.canParse(url) ? new URL(url).host : 'The server';
  return new ApiError({
    ...rest,
    code: `http_${status}`,
    detail: `${server} answered ${status}${location === null ? '' : ` and points to ${location}`}, without saying why.`,
    remedy: 'Check that the URL is that of a Slipway API, and check the proxy in front of it.',
    errors: [],
  });
}

function parse(text: string): Problem | undefined {
  try {
    const problem = JSON.parse(text) as Partial<Problem> | null;
    if (typeof problem?.code !== 'string') return undefined;
    return { detail: '', remedy: '', ...problem } as Problem;
  } catch {
    return undefined;
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  UND_ERR_SOCKET: 'the connection broke',
  ENOTFOUND: 'its host name is unknown',
  EAI_AGAIN: 'its host name cannot be resolved now',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  EPROTO: 'it does not speak https',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak https',
  HPE_INVALID_CONSTANT: 'it does not speak http',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};

/** Node.js error codes of certificates that no trusted authority signed. */
const untrusted = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+)$/;

/** Returns true when a connection failed because the server's certificate is not trusted. */
export const isUntrusted = (error: unknown): boolean => untrusted.test(connectionCode(error) ?? '');

/** Returns why `fetch` got no answer, with the system's error code. `fetch` itself only says "fetch failed". */
export function connectionReason(cause: unknown): string {
  const code = connectionCode(cause);
  if (code === undefined) return innermost(cause);
  const known = reasons[code] ?? (untrusted.test(code) ? 'its certificate is not trusted' : undefined);
  return known === undefined ? code : `${known} (${code})`;
}

function innermost(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return innermost(error.cause);
  // What `fetch` says of the ports of https://fetch.spec.whatwg.org/#port-blocking.
  return error.message === 'bad port' ? 'HTTP clients refuse this port (bad port)' : error.message;
}

/** Returns the system's error code below a `fetch` error, which hides it in its causes. */
export function connectionCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return connectionCode(inner);
}
