import { createBuildQueues } from '@slipway/control-plane/queues';
import { PoolRegistry, ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { Job } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
let redis: Redis;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
  redis = new Redis(inject('redisUrl'));
  await new ReplicaRegistry({ redis, keys: redisKeys(fleet.api.prefix) }).announce([
    { url: 'http://amd:1', max: 2, pool: 'amd', platforms: ['linux/amd64'] },
    { url: 'http://arm:1', max: 3, pool: 'arm', platforms: ['linux/arm64'] },
    { url: 'http://arm:2', max: 4, pool: 'arm', platforms: ['linux/arm64'] },
  ]);
});
afterAll(async () => {
  redis.disconnect();
  await fleet.stop();
});

const queues = () => createBuildQueues({ redis, keys: redisKeys(fleet.api.prefix) });
const pools = async () =>
  (await fleet.say('GET', '/v1/queue')).body.pools as { name: string; queued: number }[];

describe('a job', () => {
  it('goes to the queue of a pool that builds its platforms, and reports the pool', async () => {
    const { id, pool } = (await fleet.submit({ image: 'r.example/a:1', platforms: ['linux/arm64'] })) as Job;
    expect(pool).toBe('arm');
    expect(await queues().missing([id])).toEqual([]);
    expect(await pools()).toMatchObject([
      { name: 'amd', platforms: ['linux/amd64'], queued: 0, capacity: 2, oldest_wait_ms: 0 },
      { name: 'arm', platforms: ['linux/arm64'], queued: 1, capacity: 7 },
    ]);
    await fleet.say('POST', `/v1/jobs/${id}/cancel`);
    expect(await queues().missing([id])).toEqual([id]);
    expect(await pools()).toMatchObject([{ queued: 0 }, { queued: 0 }]);
  });

  it('is split over pools when no single pool builds all its platforms', async () => {
    const { id, parts, pool } = await fleet.submit({
      image: 'r.example/both:1',
      platforms: ['linux/amd64', 'linux/arm64'],
    });
    expect(pool).toBe('amd');
    const [amd, arm] = parts ?? [];
    await expect.poll(() => queues().missing([amd?.job, arm?.job].map(String))).toEqual([]);
    expect(await queues().missing([id])).toEqual([id]);
    expect((await fleet.say('GET', `/v1/jobs/${arm?.job}`)).body).toMatchObject({
      state: 'queued',
      image: 'r.example/both:1-arm',
      pool: 'arm',
      platforms: ['linux/arm64'],
      part_of: id,
    });
    await fleet.say('POST', `/v1/jobs/${id}/cancel`);
    expect((await fleet.say('GET', `/v1/jobs/${id}`)).body.parts).toMatchObject([
      { job: amd?.job, pool: 'amd', platforms: ['linux/amd64'], state: 'canceled' },
      { job: arm?.job, pool: 'arm', platforms: ['linux/arm64'], state: 'canceled' },
    ]);
    const again = (await fleet.say('POST', `/v1/jobs/${id}/retry`)).body as Job;
    expect(again.parts).toHaveLength(2);
    await fleet.say('POST', `/v1/jobs/${again.id}/cancel`);
  });

  it('waits for a pool that is declared and has no replica', async () => {
    const declared = new PoolRegistry({ redis, keys: redisKeys(fleet.api.prefix) });
    await declared.declare([{ name: 'riscv', platforms: ['linux/riscv64'] }]);
    const byPlatform = await fleet.submit({ platforms: ['linux/riscv64'] });
    const byName = await fleet.submit({ pool: 'riscv', target: 'app' });
    expect([byPlatform.pool, byName.pool]).toEqual(['riscv', 'riscv']);
    const { parts } = await fleet.submit({ platforms: ['linux/amd64', 'linux/riscv64'] });
    expect(parts?.map(({ pool }) => pool)).toEqual(['amd', 'riscv']);
    const [, , riscv] = await pools();
    expect(riscv).toMatchObject({ name: 'riscv', platforms: ['linux/riscv64'], capacity: 0, queued: 3 });
    expect(riscv).not.toHaveProperty('estimated_ms');
  });

  it('is refused when no pool builds it, with the list of pools', async () => {
    const source = { digest: await fleet.upload() };
    const refusal = async (changes: object) => {
      const { status, body } = await fleet.say('POST', '/v1/jobs', {
        image: 'r.example/a:1',
        source,
        ...changes,
      });
      return [status, body.code, body.errors[0].path];
    };
    expect(await refusal({ pool: 'gpu' })).toEqual([422, 'pool_not_found', '/pool']);
    expect(await refusal({ platforms: ['linux/s390x'] })).toEqual([
      422,
      'platform_unsupported',
      '/platforms',
    ]);
    expect(await refusal({ pool: 'amd', platforms: ['linux/arm64'] })).toEqual([
      422,
      'platform_unsupported',
      '/platforms',
    ]);
    const items = [{ image: 'r.example/a:1' }, { image: 'r.example/b:1', pool: 'gpu' }];
    for (const dry_run of [true, false]) {
      const { body } = await fleet.say('POST', '/v1/batches', { items, defaults: { source }, dry_run });
      expect([body.code, body.errors.map(({ path }: { path: string }) => path)]).toEqual([
        'batch_invalid',
        ['/items/1/pool'],
      ]);
    }
  });

  it('has a pool of its own in a batch, and keeps the requested pool when repeated', async () => {
    const source = { digest: await fleet.upload() };
    const items = [{ image: 'r.example/c:1' }, { image: 'r.example/d:1', pool: 'arm' }];
    const batch = await fleet.say('POST', '/v1/batches', { items, defaults: { source } });
    const jobs = (await fleet.say('GET', `/v1/batches/${batch.body.id}/jobs`)).body.jobs as Job[];
    expect(jobs.map(({ image, pool }) => [image, pool]).sort()).toEqual([
      ['r.example/c:1', 'amd'],
      ['r.example/d:1', 'arm'],
    ]);
    await expect.poll(() => queues().missing(jobs.map(({ id }) => id))).toEqual([]);
    const armed = jobs.find(({ pool }) => pool === 'arm') as Job;
    await fleet.say('POST', `/v1/jobs/${armed.id}/cancel`);
    expect((await fleet.say('POST', `/v1/jobs/${armed.id}/retry`)).body.pool).toBe('arm');
  });
});

it('replicas report their pool and platforms', async () => {
  expect((await fleet.say('GET', '/v1/builders')).body.builders).toMatchObject([
    { url: 'http://amd:1', pool: 'amd', platforms: ['linux/amd64'] },
    { url: 'http://arm:1', pool: 'arm', platforms: ['linux/arm64'] },
    { url: 'http://arm:2', pool: 'arm', platforms: ['linux/arm64'] },
  ]);
});
