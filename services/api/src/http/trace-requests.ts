import { type Tracing, traceContextOf } from '@slipway/shared/tracing';
import type { Endpoint } from './operation.js';
import { requestIdOf } from './request-id.js';

const firstServerError = 500;

/**
 * Returns the endpoints with a span for each POST, since jobs come from those. The span continues the trace of the header
 * `traceparent`. Reads have no span: clients poll.
 */
export function traceRequests(endpoints: readonly Endpoint[], tracing: Tracing): Endpoint[] {
  return endpoints.map((endpoint) => {
    const { operation, handle } = endpoint;
    if (operation.method !== 'post') return endpoint;
    const request = { name: `POST ${operation.path}`, kind: 'server', begins: 'alone' } as const;
    return {
      operation,
      handle(req, res, deps) {
        const span = tracing.start({ ...request, parent: traceContextOf(req.headers) });
        // The status of a rejected request is only known on close.
        res.once('close', () => {
          const { statusCode, writableFinished, locals } = res;
          const code: string | undefined = writableFinished ? locals.code : 'aborted';
          span.set({
            'http.request.method': 'POST',
            'http.route': operation.path,
            'http.response.status_code': statusCode,
            'error.type': code,
            'slipway.request.id': requestIdOf(res),
          });
          // A rejected request is not a failure of this server.
          if (statusCode >= firstServerError) span.fail(code ?? String(statusCode));
          span.end();
        });
        return span.during(() => handle(req, res, deps));
      },
    };
  });
}
