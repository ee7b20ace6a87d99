import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const stats: Example = {
  name: 'Stats',
  summary: 'One minute of one pool and one replica',
  value: {
    step_seconds: 60,
    times: ['2026-05-17T08:58:00.000Z'],
    pools: [
      {
        name: 'default',
        points: [
          {
            succeeded: 11,
            failed: 1,
            canceled: 0,
            queued_mean: 4.5,
            started: 12,
            wait_p50_ms: 800,
            wait_p95_ms: 6_100,
            builds: 11,
            build_mean_ms: 38_200,
            build_p50_ms: 35_000,
            build_p95_ms: 71_000,
          },
        ],
      },
    ],
    replicas: [
      {
        id: exampleIds.builder,
        url: 'http://builder-2:8081',
        pool: 'default',
        points: [{ builds: 6, failures: 1, refusals: 0, faults: 0, placed: 5, placed_home: 4 }],
      },
    ],
  },
};

export const statsExamples: ResourceExamples = { getStats: { 200: [stats] } };
