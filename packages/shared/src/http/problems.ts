import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { SlipwayError, toProblem } from '../errors/index.js';
import type { Logger } from '../logger/index.js';
import { errorAnswer } from './error-body.js';

/** Sends any error: as `application/problem+json` (RFC 9457), to clients of `/build` as plain JSON. */
export function sendProblem(res: Response, error: unknown): void {
  const requestId = res.getHeader('X-Request-Id');
  const { problem, headers, body } = errorAnswer({ error, target: res.req.originalUrl, requestId });
  // For the handlers that record how the request ended.
  res.locals.code = problem.code;
  res.status(problem.status).set(headers).send(body);
}

/** The last error handler of an app. An answer that has only begun is cut, so that nobody takes it for whole. */
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

/** The last route of an app. */
export const notFoundHandler: RequestHandler = (req) => {
  throw new SlipwayError('not_found', `There is nothing at ${req.method} ${req.path}.`);
};

/** Refuses new requests while the process drains. */
export function refuseWhileDraining(signal: AbortSignal): RequestHandler {
  return (_req, res, next) => {
    if (!signal.aborted) return next();
    res.set('Connection', 'close');
    sendProblem(res, new SlipwayError('draining'));
  };
}

/** Refuses requests while there is a reason to. */
export function refuseWhile(reason: () => SlipwayError | undefined): RequestHandler {
  return (_req, res, next) => {
    const error = reason();
    if (error) sendProblem(res, error);
    else next();
  };
}

/** body-parser and Express report with `type` and `status`; those become codes of ours. */
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
