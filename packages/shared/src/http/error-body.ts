import { type Problem, SlipwayError, toProblem } from '../errors/index.js';

/** The HTTP answer to an error. */
export interface ErrorAnswer {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** The body in JSON. */
  readonly body: string;
}

interface ErrorAnswerOptions {
  readonly error: unknown;
  /** The target of the request, if the request was read that far. */
  readonly target: string | undefined;
  readonly requestId?: unknown;
  /** Replaces the status of the error's code. */
  readonly status?: number | undefined;
}

/** Seconds until a client may retry, by status, unless the error has its own value. */
const defaultRetryAfter: Readonly<Record<number, number>> = { 429: 5, 503: 2 };

/**
 * Returns status, headers and body for an error. The body is a problem (RFC 9457), except for `POST /build`: clients of the
 * Function Builder API read `status` as a string, so they get `{status: "failed", error, code, log}`.
 */
export function errorAnswer({ error, target, requestId, status }: ErrorAnswerOptions): ErrorAnswer {
  const known = toProblem(error);
  const problem = { ...known, status: status ?? known.status };
  const asked = error instanceof SlipwayError ? error.retryAfter : undefined;
  const retryAfter = asked ?? defaultRetryAfter[problem.status];
  const ofBuilder = isBuilderApi(target);
  const shown = requestId === undefined ? problem : { ...problem, request_id: requestId };
  return {
    problem,
    headers: {
      'Content-Type': ofBuilder ? 'application/json; charset=utf-8' : 'application/problem+json',
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...(problem.status === 401 && { 'WWW-Authenticate': 'Bearer realm="slipway"' }),
    },
    body: JSON.stringify(ofBuilder ? builderError(problem) : shown),
  };
}

/** Returns the body in the form of `BuilderResult`. Clients show `error` only, so it includes the remedy. */
function builderError({ code, detail, remedy }: Problem) {
  return { status: 'failed', error: `${detail.replace(/\.?$/, '.')} ${remedy}`, code, log: [] };
}

/** Matches the paths that Express treats as `/build`, such as `/build/` and `/BUILD`. */
const isBuilderApi = (target: string | undefined) => /^\/build\/?(\?|$)/i.test(target ?? '');
