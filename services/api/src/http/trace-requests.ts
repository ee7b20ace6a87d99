import { type Tracing, traceContextOf } from '@slipway/shared/tracing';
import type { Endpoint } from './operation.js';
import { requestIdOf } from './request-id.js';

const firstServerError = 500;

/**
 * The endpoints, with a span for each request that posts something: what jobs come from. It belongs to what the request says in `traceparent`.
 * What only looks has none; clients poll.
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
        // Of a request that is refused the status is known only then.
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
          // A request that is refused is no failure of this server.
          if (statusCode >= firstServerError) span.fail(code ?? String(statusCode));
          span.end();
        });
        return span.during(() => handle(req, res, deps));
      },
    };
  });
}
