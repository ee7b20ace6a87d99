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

/** Returns when the lease of the slot of a replica ends, in milliseconds. */
const slotEnd = async (url: string) => {
  const [, end] = await installation.redis.zrange(installation.keys.slots(url), '0', '-1', 'WITHSCORES');
  return Number(end);
};

describe('a worker that is stopped', () => {
  it('hands a running build back at the end of its grace time, and another worker builds it', async () => {
    const builder = await replica();
    const slow = held();
    builder.next(slow.behaviour);
    const worker = await installation.startWorker([builder.url], { shutdownGraceMs: 100 });
    const id = await installation.submit();
    await slow.begun;
    await worker.stop();
    expect(await installation.job(id)).toMatchObject({
      state: 'queued',
      attempts: [{ outcome: 'draining' }],
    });
    await installation.startWorker([builder.url]);
    expect((await installation.ended(id)).attempts).toMatchObject([
      { outcome: 'draining' },
      { outcome: 'succeeded' },
    ]);
    expect(await installation.store.get(id)).toMatchObject({ spent: 0, lost: 0 });
  });

  it('hands over its duties, and keeps lock, slot, health and metrics until its builds end', async () => {
    const builder = await replica();
    const slow = held();
    builder.next(slow.behaviour);
    const { keys, redis } = installation;
    const worker = await installation.startWorker([builder.url], { shutdownGraceMs: 600_000 });
    const id = await installation.submit();
    await slow.begun;
    const leader = await redis.get(keys.leader);
    const stopped = worker.stop();
    await expect.poll(async () => (await fetch(`${worker.url}/readyz`)).status).toBe(503);
    expect(await (await fetch(`${worker.url}/readyz`)).json()).toMatchObject({ code: 'draining' });
    await expect.poll(() => redis.get(keys.leader)).toBeNull();
    await installation.startWorker([builder.url]);
    await expect.poll(() => redis.get(keys.leader)).not.toBe(leader);
    // Longer than any lock or lease lives without a renewal.
    const lock = `${keys.bullPrefix}:builds:${id}:lock`;
    for (const end of [() => redis.pexpiretime(lock), () => slotEnd(builder.url)])
      for (let renewals = 0; renewals < 3; renewals++) {
        const before = await end();
        expect(before).toBeGreaterThan(0);
        await expect.poll(async () => (await end()) > before).toBe(true);
      }
    expect((await fetch(`${worker.url}/healthz`)).status).toBe(200);
    slow.release();
    await stopped;
    expect(await installation.job(id)).toMatchObject({ state: 'succeeded', attempts: [{ number: 1 }] });
  });

  it('announces nothing any more, so that it does not contradict a worker with other settings', async () => {
    const builder = await replica();
    const slow = held();
    builder.next(slow.behaviour);
    const { keys, redis } = installation;
    const worker = await installation.startWorker([builder.url], { shutdownGraceMs: 600_000 });
    const id = await installation.submit();
    await slow.begun;
    const stopped = worker.stop();
    const pool = () => redis.hget(keys.replica(builder.url), 'pool');
    await installation.startWorker([`${builder.url}#pool=arm`]);
    await expect.poll(pool).toBe('arm');
    // Workers announce their replicas every five seconds. Twice: the other worker does.
    const seen = new Set<string | null>();
    for (let announcements = 0; announcements < 2; announcements++) {
      const before = Number(await redis.zscore(keys.replicas, builder.url));
      await expect
        .poll(async () => {
          seen.add(await pool());
          return Number(await redis.zscore(keys.replicas, builder.url));
        })
        .toBeGreaterThan(before);
    }
    expect([...seen]).toEqual(['arm']);
    slow.release();
    await stopped;
    expect((await installation.job(id)).state).toBe('succeeded');
  });

  it('still sees that a build is canceled, also without an announcement', async () => {
    const builder = await replica();
    const slow = held();
    builder.next(slow.behaviour);
    const worker = await installation.startWorker([builder.url], { shutdownGraceMs: 600_000 });
    const id = await installation.submit();
    await slow.begun;
    const stopped = worker.stop();
    await expect.poll(async () => (await fetch(`${worker.url}/readyz`)).status).toBe(503);
    await installation.redis.hset(installation.keys.job(id), 'cancel_requested', 1);
    await stopped;
    expect(await installation.job(id)).toMatchObject({ state: 'canceled' });
    expect(builder.abandoned()).toBe(1);
  });
});
