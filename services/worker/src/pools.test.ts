import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
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
