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
  return (req, res, next) => {
    const end = duration.startTimer();
    underWay.inc();
    res.once('close', () => {
      underWay.dec();
      const route = typeof req.route?.path === 'string' ? req.route.path : 'none';
      end({ method: req.method, route, status: String(res.statusCode) });
      const { code } = res.locals as { code?: string };
      if (code !== undefined) problems.inc({ code });
    });
    next();
  };
}
