import { Counter, Gauge, Histogram, type Registry } from '@slipway/shared/metrics';
import type { RequestHandler } from 'express';

/** Counts and times requests by route, never by path: ids must not become labels. */
export function measureRequests(registry: Registry): RequestHandler {
  const registers = [registry];
  const duration = new Histogram({
    name: 'slipway_http_request_duration_seconds',
    help: 'HTTP requests by method, route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  const problems = new Counter({
    name: 'slipway_http_problems_total',
    help: 'Error answers, by code',
    labelNames: ['code'],
    registers,
  });
  const underWay = new Gauge({
    name: 'slipway_http_requests_in_flight',
    help: 'HTTP requests in progress',
    registers,
  });
  /** The series by their labels: to find one by its labels takes longer than to add to it. */
  const found = new Map<string, Histogram.Internal<string>>();
  const seriesOf = (method: string, route: string, status: number) => {
    const name = `${method} ${status} ${route}`;
    const series = found.get(name) ?? duration.labels(method, route, String(status));
    found.set(name, series);
    return series;
  };
  return (req, res, next) => {
    const startedMs = performance.now();
    underWay.inc();
    res.once('close', () => {
      underWay.dec();
      const route = typeof req.route?.path === 'string' ? req.route.path : 'none';
      seriesOf(req.method, route, res.statusCode).observe((performance.now() - startedMs) / 1_000);
      const { code } = res.locals as { code?: string };
      if (code !== undefined) problems.inc({ code });
    });
    next();
  };
}
