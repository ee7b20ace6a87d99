import { jobStates } from '@slipway/shared/contracts';
import type { JobStore } from '@slipway/shared/jobs';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from '@slipway/shared/metrics';
import type { RequestHandler } from 'express';

export function createMetrics({ store }: { store: Pick<JobStore, 'count'> }): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'slipway_jobs',
    help: 'Job records by state',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      for (const state of jobStates) this.set({ state }, await store.count(state));
    },
  });
  return registry;
}

/** Counts and times requests by route, never by path: ids must not become labels. */
export function measureRequests(registry: Registry): RequestHandler {
  const duration = new Histogram({
    name: 'slipway_http_request_duration_seconds',
    help: 'HTTP requests by method, route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [registry],
  });
  return (req, res, next) => {
    const end = duration.startTimer();
    res.once('close', () => {
      const route = typeof req.route?.path === 'string' ? req.route.path : 'none';
      end({ method: req.method, route, status: String(res.statusCode) });
    });
    next();
  };
}
