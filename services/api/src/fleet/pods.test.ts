import { addressOf, ReplicaRegistry, replicaId } from '@slipway/control-plane/replicas';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
let redis: Redis;
const pods = ['1', '2'].map((uid) => ({
  ...{ url: `http://10.0.0.1:8080#uid-${uid}`, kind: 'k8s' as const, name: `builder-${uid}`, node: 'node-1' },
  ...{ max: 2, pool: 'default', platforms: [] },
}));
const [old, young] = pods.map(({ url }) => url) as [string, string];
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
  redis = new Redis(inject('redisUrl'));
  await new ReplicaRegistry({ redis, keys: redisKeys(fleet.api.prefix) }).announce(pods);
});
afterAll(async () => {
  redis.disconnect();
  await fleet.stop();
});

it('pods are shown by address, name and node, and drained one by one, also with the same address', async () => {
  const { api } = fleet;
  const drained = await api.call(`/v1/builders/${replicaId(old)}/drain`, { method: 'POST' });
  const body = await drained.json();
  expect(body).toMatchObject({ id: replicaId(old), url: addressOf(old), name: 'builder-1', draining: true });
  const { builders } = (await (await api.call('/v1/builders')).json()) as { builders: object[] };
  expect(builders).toHaveLength(2);
  expect(builders).toContainEqual(
    expect.objectContaining({
      ...{ id: replicaId(young), url: addressOf(young), name: 'builder-2', node: 'node-1', draining: false },
    }),
  );
});

it('pods with the same address are one series of metrics, which Prometheus could not read twice', async () => {
  const text = await (await fetch(`${fleet.api.url}/metrics`)).text();
  const series = text.split('\n').filter((line) => line.startsWith('slipway_fleet_replica_slots{'));
  expect(series).toEqual(['slipway_fleet_replica_slots{pool="default",replica="http://10.0.0.1:8080"} 4']);
});
