import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { SlipwayError, toProblem } from '../errors/index.js';
import type { Logger } from '../logger/index.js';
import { errorAnswer } from './error-body.js';

/** Sends an error as `application/problem+json` (RFC 9457), or as plain JSON to clients of `/build`. */
export function sendProblem(res: Response, error: unknown): void {
  const requestId = res.getHeader('X-Request-Id');
  const { problem, headers, body } = errorAnswer({ error, target: res.req.originalUrl, requestId });
  // Used by the handlers that record how the request ended.
  res.locals.code = problem.code;
  res.status(problem.status).set(headers).send(body);
}

/** Returns the last error handler of an app. It aborts an answer that has already started, so that the client cannot take it for complete. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  return (error, req, res, _next) => {
    const coded = fromExpress(error);
    const { code, status } = toProblem(coded);
    if (status >= 500)
      logger.error(
        { err: error, code, method: req.method, path: req.path, request_id: res.getHeader('X-Request-Id') },
        'request failed',
      );
    if (res.writableEnded) return;
    if (res.headersSent) res.destroy();
    else sendProblem(res, coded);
  };
}

/** The last route of an app. Throws `not_found`. */
export const notFoundHandler: RequestHandler = (req) => {
  throw new SlipwayError('not_found', `No route: ${req.method} ${req.path}.`);
};

/** Returns a handler that refuses new requests while the process drains. */
export function refuseWhileDraining(signal: AbortSignal): RequestHandler {
  return (_req, res, next) => {
    if (!signal.aborted) return next();
    res.set('Connection', 'close');
    sendProblem(res, new SlipwayError('draining'));
  };
}

/** Returns a handler that refuses requests while `reason` returns an error. */
export function refuseWhile(reason: () => SlipwayError | undefined): RequestHandler {
  return (_req, res, next) => {
    const error = reason();
    if (error) sendProblem(res, error);
    else next();
  };
}

/** Maps errors of body-parser and Express, which have `type` and `status`, to our codes. */
function fromExpress(error: unknown): unknown {
  const { type, status } = (error ?? {}) as { type?: unknown; status?: unknown };
  switch (type) {
    case 'entity.parse.failed':
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new SlipwayError('json_invalid', undefined, { cause: error });
    case 'entity.too.large':
      return new SlipwayError('body_too_large', undefined, { cause: error });
    case 'request.aborted':
    case 'request.size.invalid':
      return new SlipwayError('body_incomplete', undefined, { cause: error });
  }
  if (error instanceof URIError || status === 400)
    return new SlipwayError('request_invalid', 'The URL cannot be decoded.', { cause: error });
  return error;
}
