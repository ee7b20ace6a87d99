import { RedisClock } from '@slipway/control-plane/clock';
import { CountedFaults } from '@slipway/control-plane/records';
import { createLogger } from '@slipway/shared/logger';
import {
  measureCertificates,
  measureProcess,
  measureWrites,
  RedisMetrics,
  Registry,
} from '@slipway/shared/metrics';
import { documentedMetrics, registeredMetrics } from '@slipway/shared/metrics/testing';
import { expect, it } from 'vitest';
import { createWatchMetrics } from './base-images/metrics.js';
import { createMetrics, measureFleet, measureLeader, measureOverload, measureRenewal } from './metrics.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const create = (maxFunctions = 0) => {
  const registry = new Registry();
  new RedisMetrics({ registry });
  measureWrites({ registry, guard: { writable: true } });
  measureProcess({ registry });
  measureCertificates({ registry });
  measureFleet({ registry, placement: { inFlight: () => new Map() } });
  measureLeader({ registry, leader: { leading: true } });
  measureOverload({ registry, eventLoop: { overloadSeconds: 0 } });
  createWatchMetrics(registry);
  measureRenewal({ registry, renewal: { ageSeconds: 0, lateRounds: 0 } });
  new RedisClock({ redis: { time: async () => [0, 0] }, registry, logger });
  new CountedFaults({ registry, logger });
  return createMetrics({ registry, maxFunctions });
};
const lines = async (registry: Registry, name: string) =>
  (await registry.getSingleMetricAsString(name)).split('\n').filter((line) => !line.startsWith('#'));

it('docs/metrics.md lists the metrics of a worker', () => {
  expect(registeredMetrics(create().registry)).toEqual(documentedMetrics('worker'));
});

it('counts functions by name only when configured, and up to the limit', async () => {
  const name = 'slipway_function_jobs_total';
  const [off, on] = [create(), create(2)];
  for (const { attemptEndedJob } of [off, on]) {
    for (const each of ['a', 'b', 'c', 'd', 'a']) attemptEndedJob(each, { state: 'succeeded' });
    attemptEndedJob(undefined, { state: 'failed', code: 'build_failed' });
  }
  expect(await lines(off.registry, name)).toEqual([]);
  expect(await lines(on.registry, name)).toEqual([
    `${name}{function="a",state="succeeded"} 2`,
    `${name}{function="b",state="succeeded"} 1`,
    `${name}{function="other",state="succeeded"} 2`,
    `${name}{function="none",state="failed"} 1`,
  ]);
});

it('says whose fault a failure was', async () => {
  const { registry, attemptEndedJob } = create();
  attemptEndedJob('a', { state: 'failed', code: 'build_failed' });
  attemptEndedJob('a', { state: 'failed', code: 'builder_lost' });
  attemptEndedJob('a', { state: 'canceled' });
  const name = 'slipway_job_failures_total';
  expect(await lines(registry, name)).toEqual([
    `${name}{code="build_failed",fault="user"} 1`,
    `${name}{code="builder_lost",fault="fleet"} 1`,
  ]);
});
