import { Counter, Gauge, Histogram, Registry } from '@slipway/shared/metrics';

export interface BuilderMetrics {
  readonly registry: Registry;
  readonly buildSeconds: Histogram<'status'>;
  readonly responses: Counter<'status'>;
  readonly receivedBytes: Counter;
}

interface MetricsOptions {
  /** Asked at each scrape. */
  readonly inFlight: () => number;
  /** Builds at once; 0 is no limit. */
  readonly limit: number;
  /** Returns true if the engine answered its last check. Called at each scrape. */
  readonly engineUp: () => boolean;
}

export function createMetrics({ inFlight, limit, engineUp }: MetricsOptions): BuilderMetrics {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    name: 'slipway_builder_builds_in_flight',
    help: 'Builds in progress, including the upload of their sources',
    registers,
    collect() {
      this.set(inFlight());
    },
  });
  new Gauge({
    name: 'slipway_builder_slots',
    help: 'Limit of concurrent builds; 0 is no limit',
    registers,
  }).set(limit);
  new Gauge({
    name: 'slipway_builder_engine_up',
    help: '1 if the build engine answered its last check, else 0',
    registers,
    collect() {
      this.set(engineUp() ? 1 : 0);
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
