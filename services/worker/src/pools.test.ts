import { PoolRegistry } from '@slipway/control-plane/replicas';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { parsePools } from './fleet/pools.js';
import { held, type Replica, startReplica } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

let installation: Installation;
let replicas: Replica[];
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  replicas = [];
});
afterEach(async () => {
  await installation.dispose();
  await Promise.all(replicas.map((replica) => replica.stop()));
});
const replica = async () => {
  const started = await startReplica(payloadSecret);
  replicas.push(started);
  return started;
};
const imageIn = (payload: Buffer | undefined) =>
  /"image":"([^"]+)"/.exec(payload?.toString('latin1') ?? '')?.[1];

describe('a worker with replicas of two pools', () => {
  it('has each job built by its pool, also one that the queue has lost', async () => {
    const [amd, arm] = [await replica(), await replica()];
    await installation.startWorker([`${amd.url}#pool=amd`, `${arm.url}#pool=arm&platforms=linux/arm64`]);
    const ids = [
      await installation.submit({ image: 'r.example/a:1', pool: 'amd' }),
      await installation.submit({ image: 'r.example/b:1', pool: 'arm' }),
      await installation.record({ image: 'r.example/c:1', pool: 'arm' }),
    ];
    const ended = await Promise.all(ids.map((id) => installation.ended(id)));
    expect(ended.map(({ state, attempts }) => [state, attempts[0]?.replica])).toEqual([
      ['succeeded', amd.url],
      ['succeeded', arm.url],
      ['succeeded', arm.url],
    ]);
    expect(amd.payloads.map(imageIn)).toEqual(['r.example/a:1']);
    expect(arm.payloads.map(imageIn).sort()).toEqual(['r.example/b:1', 'r.example/c:1']);
  });

  it('builds for one while the other is full, and never gives a replica the jobs of the other', async () => {
    const [amd, arm] = [await replica(), await replica()];
    const open = held();
    amd.next(open.behaviour);
    await installation.startWorker([`${amd.url}#max=1&pool=amd`, `${arm.url}#max=1&pool=arm`]);
    const first = await installation.submit({ pool: 'amd' });
    await open.begun;
    const waiting = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7, 8].map(() => installation.submit({ pool: 'amd' })),
    );
    await installation.ended(await installation.submit({ pool: 'arm' }));
    expect(arm.payloads).toHaveLength(1);
    expect(amd.payloads).toHaveLength(1);
    open.release();
    const ended = await Promise.all([first, ...waiting].map((id) => installation.ended(id)));
    expect(ended.map(({ state }) => state)).toEqual(ended.map(() => 'succeeded'));
    expect(arm.payloads).toHaveLength(1);
  });

  it('leaves the jobs of a pool that it has no replicas of to others', async () => {
    const [amd, arm] = [await replica(), await replica()];
    await installation.startWorker([`${amd.url}#pool=amd`]);
    const left = await installation.submit({ pool: 'arm' });
    await installation.ended(await installation.submit({ pool: 'amd' }));
    expect(await installation.job(left)).toMatchObject({ state: 'queued', attempts: [] });
    await installation.startWorker([`${arm.url}#pool=arm`]);
    expect(await installation.ended(left)).toMatchObject({ attempts: [{ replica: arm.url }] });
  });
});

describe('a worker with a pool that has no replica', () => {
  /** A name that has no addresses: a label of it is too long to ask a name server for. */
  const nowhere = `dns+http://${'x'.repeat(64)}.test:8081#pool=arm&platforms=linux/arm64&max=4`;

  it('declares the pool, and leaves its jobs in the queue until a replica builds them', async () => {
    await installation.startWorker([nowhere], { pools: parsePools('gpu#max=2') });
    const pools = new PoolRegistry({ redis: installation.redis, keys: installation.keys });
    await expect
      .poll(() => pools.list())
      .toEqual([
        { name: 'arm', platforms: ['linux/arm64'], slots: 4, drainMs: 300_000 },
        { name: 'gpu', platforms: [], slots: 2, drainMs: 300_000 },
      ]);
    const meta = `${installation.keys.bullPrefix}:builds-arm:meta`;
    await expect.poll(() => installation.redis.hget(meta, 'concurrency')).toBe('2');
    const ids = [
      await installation.submit({ image: 'r.example/a:1', pool: 'arm' }),
      await installation.submit({ image: 'r.example/b:1', pool: 'arm', target: 'app' }),
      await installation.submit({ image: 'r.example/c:1', pool: 'arm' }),
    ];
    // The worker takes a job now and then, and gives it back.
    await expect
      .poll(() => installation.redis.zcard(`${installation.keys.bullPrefix}:builds-arm:delayed`))
      .toBeGreaterThan(0);
    for (const id of ids) expect(await installation.job(id)).toMatchObject({ state: 'queued', attempts: [] });
    const arm = await replica();
    arm.setFeatures('build-options');
    await installation.startWorker([`${arm.url}#pool=arm&platforms=linux/arm64`]);
    const ended = await Promise.all(ids.map((id) => installation.ended(id)));
    expect(ended.map(({ state, attempts }) => [state, attempts.length])).toEqual(
      ids.map(() => ['succeeded', 1]),
    );
  });

  it('ends them when they have waited too long', async () => {
    await installation.startWorker([nowhere], { queueTimeoutMs: 50 });
    const id = await installation.submit({ pool: 'arm' });
    expect(await installation.ended(id)).toMatchObject({ state: 'failed', error: { code: 'expired' } });
  });
});
