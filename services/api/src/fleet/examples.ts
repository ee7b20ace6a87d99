import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const record = {
  id: exampleIds.builder,
  url: 'http://builder-2:8081',
  pool: 'default',
  platforms: ['linux/amd64'],
  health: 'up',
  readiness: 'ready',
  engine: 'buildkit',
  features: ['build-options'],
  circuit: 'closed',
  draining: false,
  configured_limit: 4,
  limit: 4,
  in_flight: 2,
  builds: 1_873,
  refusals: 12,
  faults: 1,
};
const resumed: Example = { name: 'Builder', summary: 'It gets builds again', value: record };
const draining: Example = {
  name: 'DrainingBuilder',
  summary: 'It finishes two builds and gets no more',
  value: { ...record, draining: true },
};
const list: Example = { name: 'BuilderList', summary: 'A fleet of one', value: { builders: [record] } };
const held: Example = {
  name: 'HeldQueue',
  summary: 'A backup of Redis was restored, and no job starts',
  value: {
    pools: [],
    registries: [],
    held: {
      reason: 'restored',
      since: '2026-05-17T09:12:30.004Z',
      redis_at: '2026-05-17T02:00:03.511Z',
      known_at: '2026-05-17T08:59:48.020Z',
    },
  },
};
const release: Example = {
  name: 'QueueRelease',
  summary: 'Cancel the jobs of the backup',
  value: { jobs: 'cancel' },
};
const released: Example = {
  name: 'QueueReleased',
  summary: 'Jobs start again',
  value: { canceled: 37 },
};
const queue: Example = {
  name: 'Queue',
  summary: 'A busy pool, and a registry that does not answer',
  value: {
    pools: [
      {
        name: 'default',
        queued: 37,
        running: 8,
        platforms: ['linux/amd64'],
        capacity: 8,
        oldest_wait_ms: 61_400,
        mean_build_ms: 38_200,
        estimated_ms: 190_000,
      },
    ],
    registries: [
      {
        registry: 'registry.example.com',
        circuit: 'open',
        waiting: 5,
        faults: 3,
        since: '2026-05-17T08:57:02.118Z',
      },
    ],
  },
};

export const fleetExamples: ResourceExamples = {
  listBuilders: { 200: [list] },
  drainBuilder: { 200: [draining] },
  resumeBuilder: { 200: [resumed] },
  getQueue: { 200: [queue, held] },
  releaseQueue: { request: [release], 200: [released] },
};
