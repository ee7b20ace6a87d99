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
  /** Numbers of builds with an id that run without a reader, of readers, and of results that are kept. Called at each scrape. */
  readonly attachable: () => {
    readonly detached: number;
    readonly readers: number;
    readonly results: number;
  };
  /** Returns true if the engine answered its last check. Called at each scrape. */
  readonly engineUp: () => boolean;
}

export function createMetrics({ inFlight, limit, engineUp, attachable }: MetricsOptions): BuilderMetrics {
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
  new Gauge({
    name: 'slipway_builder_detached_builds',
    help: 'Builds in progress whose client is gone and which no other client reads',
    registers,
    collect() {
      this.set(attachable().detached);
    },
  });
  new Gauge({
    name: 'slipway_builder_build_readers',
    help: 'Clients that read a build with an id',
    registers,
    collect() {
      this.set(attachable().readers);
    },
  });
  new Gauge({
    name: 'slipway_builder_results_kept',
    help: 'Results of builds with an id that are kept for clients',
    registers,
    collect() {
      this.set(attachable().results);
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
