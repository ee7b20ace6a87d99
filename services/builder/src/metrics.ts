import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@slipway/shared/metrics';

export interface BuilderMetrics {
  readonly registry: Registry;
  readonly buildSeconds: Histogram<'status'>;
  readonly responses: Counter<'status'>;
  readonly receivedBytes: Counter;
}

/** The builder's metrics. `inFlight` is asked at each scrape. */
export function createMetrics({ inFlight }: { inFlight: () => number }): BuilderMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'slipway_builder_builds_in_flight',
    help: 'Builds in hand, the receiving of their sources included',
    registers,
    collect() {
      this.set(inFlight());
    },
  });
  return {
    registry,
    buildSeconds: new Histogram({
      name: 'slipway_builder_build_duration_seconds',
      help: 'Time from the start of a build to its end, by outcome',
      labelNames: ['status'],
      buckets: [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800],
      registers,
    }),
    responses: new Counter({
      name: 'slipway_builder_http_responses_total',
      help: 'Answers to POST /build, by HTTP status',
      labelNames: ['status'],
      registers,
    }),
    receivedBytes: new Counter({
      name: 'slipway_builder_received_bytes_total',
      help: 'Bytes of request bodies received',
      registers,
    }),
  };
}
