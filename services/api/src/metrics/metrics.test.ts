import { EventEmitter } from 'node:events';
import { RedisClock } from '@slipway/control-plane/clock';
import { CountedFaults } from '@slipway/control-plane/records';
import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import {
  Counter,
  measureCertificates,
  measureProcess,
  measureWrites,
  RedisMetrics,
  Registry,
} from '@slipway/shared/metrics';
import { documentedMetrics, registeredMetrics } from '@slipway/shared/metrics/testing';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { RegistryEvents } from '../registry-events/endpoint.js';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';
import { measureBlobStore } from './blob-store-metrics.js';
import { measureFleet } from './fleet-metrics.js';
import type { FleetSnapshot } from './fleet-snapshot.js';
import { measureRequests } from './http-metrics.js';

const snapshot: FleetSnapshot = {
  jobs: new Map([['queued', 3]]),
  pools: [
    {
      name: 'default',
      queued: 3,
      running: 0,
      oldestWaitMs: 4_000,
      capacity: 2,
      replicas: 1,
      wantedReplicas: 2,
    },
  ],
  replicas: [],
  registries: [{ registry: 'r.example', circuit: 'open', waiting: 7, faults: 3, since: 0 }],
  workers: 2,
  batches: 1,
  deliveries: { pending: 5, overdueMs: 0 },
  events: { unsettled: 1, oldestMs: 1_500 },
  stored: { bytes: 5, shareMax: 0.5 },
  redis: { usedBytes: 1, maxBytes: 0 },
};

describe('the metrics of the fleet', () => {
  const create = (read: () => Promise<FleetSnapshot>) => {
    const registry = new Registry();
    let now = 0;
    measureFleet({ registry, read, now: () => now });
    return {
      registry,
      later(ms: number) {
        now += ms;
      },
    };
  };

  it('cost one read per scrape, and none right after another', async () => {
    let readings = 0;
    const { registry, later } = create(async () => {
      readings++;
      return snapshot;
    });
    const text = await registry.metrics();
    expect(text).toContain('\nslipway_fleet_pool_stuck{pool="default"} 1\n');
    expect(text).toContain('\nslipway_fleet_workers 2\n');
    expect(text).toContain('\nslipway_fleet_readable 1\n');
    expect(readings).toBe(1);
    later(1_999);
    await registry.metrics();
    expect(readings).toBe(1);
    later(1);
    await registry.metrics();
    expect(readings).toBe(2);
  });

  it('are absent, and not zero, while Redis is unavailable', async () => {
    let away = false;
    const { registry, later } = create(async () => {
      if (away) throw new Error('away');
      return snapshot;
    });
    await registry.metrics();
    away = true;
    later(2_000);
    const values = (await registry.metrics()).split('\n').filter((line) => line && !line.startsWith('#'));
    expect(values).toEqual(['slipway_fleet_readable 0']);
  });
});

describe('an API', () => {
  let fleet: FleetOfOne;
  let redis: Redis;
  beforeAll(async () => {
    fleet = await startFleetOfOne(inject('redisUrl'));
    redis = new Redis(inject('redisUrl'));
  });
  afterAll(async () => {
    redis.disconnect();
    await fleet.stop();
  });
  const metrics = async () => await (await fetch(`${fleet.api.url}/metrics`)).text();

  it('reports the state of its fleet, and requests by route and never by path', async () => {
    const replicas = new ReplicaRegistry({ redis, keys: redisKeys(fleet.api.prefix) });
    await replicas.announce([
      { url: 'http://a:1', max: 3, pool: 'arm', platforms: [] },
      { url: 'http://b:1', max: 5, pool: 'leaving', platforms: [] },
    ]);
    await replicas.setReadiness('http://b:1', 'draining');
    const { id } = await fleet.submit({ image: 'r.example/a:1', pool: 'arm' });
    await fleet.api.call(`/v1/jobs/${id}`);
    await fleet.api.call('/v1/nothing-of-that-name');
    await fleet.api.call('/v1/jobs', { headers: { authorization: 'Bearer wrong' } });
    const batch = { items: [{ image: 'r.example/b:1', source: { files: { Dockerfile: 'FROM scratch' } } }] };
    expect((await fleet.api.post('/v1/batches', batch)).status).toBe(202);
    await expect.poll(metrics).toContain('slipway_fleet_queue_jobs{pool="arm",state="queued"} 2\n');
    await fetch(`${fleet.api.url}/readyz`);
    const text = await metrics();
    for (const line of [
      'slipway_fleet_pool_slots{pool="arm"} 3',
      'slipway_fleet_pool_replicas{pool="arm"} 1',
      'slipway_pool_wanted_replicas{pool="arm"} 1',
      'slipway_fleet_pool_stuck{pool="arm"} 1',
      'slipway_fleet_replica_slots{pool="arm",replica="http://a:1"} 3',
      'slipway_fleet_replica_circuit_open{pool="arm",replica="http://a:1"} 0',
      'slipway_fleet_replica_draining{pool="arm",replica="http://a:1"} 0',
      'slipway_fleet_replica_draining{pool="leaving",replica="http://b:1"} 1',
      'slipway_fleet_pool_slots{pool="leaving"} 0',
      'slipway_fleet_batches 1',
      'slipway_http_problems_total{code="unauthorized"} 1',
      'slipway_redis_up{connection="main"} 1',
      'slipway_http_request_duration_seconds_count{method="GET",route="/v1/jobs/:id",status="404"}',
      'slipway_http_request_duration_seconds_count{method="GET",route="/readyz",status="200"}',
    ]) {
      expect(text).toContain(`\n${line}`);
    }
    expect(text).not.toContain(id);
    expect(text).not.toContain('nothing-of-that-name');
    expect(/\nslipway_blob_store_free_bytes (\S+)/.exec(text)?.[1]).toMatch(/^\d{6,}/);
  });
});

it('docs/metrics.md lists the metrics of an API', () => {
  const registry = new Registry();
  measureFleet({ registry, read: async () => snapshot, now: () => 0 });
  measureBlobStore({ registry, capacity: async () => ({ freeBytes: 1, totalBytes: 2 }) });
  measureRequests(registry);
  new RegistryEvents({ registry, config: { registryEventsTokens: [] }, watch: { mark: async () => 0 } });
  new RedisMetrics({ registry });
  measureWrites({ registry, guard: { writable: true } });
  measureProcess({ registry });
  measureCertificates({ registry });
  const logger = createLogger({ name: 'test', level: 'silent' });
  new RedisClock({ redis: { time: async () => [0, 0] }, registry, logger });
  new CountedFaults({ registry, logger });
  new Counter({
    name: 'slipway_audit_failures_total',
    help: 'Entries that could not be written to the audit log',
    registers: [registry],
  });
  expect(registeredMetrics(registry)).toEqual(documentedMetrics('api'));
});

it('a watched connection receives all arguments of a command', () => {
  const metrics = new RedisMetrics({ registry: new Registry() });
  const sent: unknown[] = [];
  const redis = Object.assign(new EventEmitter(), {
    sendCommand: (...args: unknown[]) => sent.push(...args),
  });
  metrics.watch('main', redis as unknown as Redis);
  const node = { slot: 1 };
  (redis.sendCommand as (...args: unknown[]) => unknown)({ reject: () => undefined }, undefined, node);
  expect(sent[2]).toBe(node);
});

it('a command that was sent again counts once when it is rejected', async () => {
  const registry = new Registry();
  const redis = Object.assign(new EventEmitter(), { sendCommand: () => undefined });
  new RedisMetrics({ registry }).watch('main', redis as unknown as Redis);
  const command = { reject: (_error: Error) => undefined };
  const send = redis.sendCommand as (command: object) => unknown;
  for (let time = 0; time < 3; time++) send(command);
  command.reject(new Error('MOVED 1 127.0.0.1:1'));
  expect(await registry.metrics()).toContain(
    'slipway_redis_command_errors_total{connection="main",error="MOVED"} 1\n',
  );
});

it('rejected commands of Redis and broken connections are counted', async () => {
  const registry = new Registry();
  const metrics = new RedisMetrics({ registry });
  const cleanups = new Cleanups();
  const logger = createLogger({ name: 'test', level: 'silent' });
  const options = { url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'patient' } as const;
  const redis = metrics.watch('main', connectRedis(options));
  await redis.set('metrics-test', 'text', 'PX', 60_000);
  await expect(redis.lpush('metrics-test', '1')).rejects.toThrow('WRONGTYPE');
  await expect(redis.eval("return redis.error_reply('MINE of a job')", 0)).rejects.toThrow('MINE');
  const again = new Promise((resolve) => redis.once('ready', resolve));
  redis.stream.destroy();
  await again;
  const text = await registry.metrics();
  expect(text).toContain('slipway_redis_command_errors_total{connection="main",error="WRONGTYPE"} 1\n');
  expect(text).toContain('slipway_redis_command_errors_total{connection="main",error="other"} 1\n');
  expect(text).toContain('slipway_redis_reconnects_total{connection="main"} 1\n');
  expect(text).toContain('slipway_redis_up{connection="main"} 1\n');
  await cleanups.run(logger);
});
