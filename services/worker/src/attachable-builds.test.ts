import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type DirectedBuild, type KeepingReplica, startKeepingReplica } from './testing/keeping-replica.js';
import { createInstallation, type Installation } from './testing/start-worker.js';

let installation: Installation;
let replica: KeepingReplica;
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  replica = await startKeepingReplica();
});
afterEach(async () => {
  await installation.dispose();
  await replica.stop();
});

const startWorker = (changes = {}) =>
  installation.startWorker([`${replica.url}#max=1`], { shutdownGraceMs: 600_000, ...changes });

/** Workers learn what a replica can do from its health checks. */
const learned = () =>
  expect
    .poll(() => installation.redis.hget(installation.keys.replica(replica.url), 'features'))
    .toContain('attachable-builds');

/** Starts a worker that builds a job, up to its first lines. */
async function building(changes = {}, jobChanges = {}) {
  const worker = await startWorker(changes);
  await learned();
  const id = await installation.submit(jobChanges);
  const build = await replica.build(0);
  build.log('line 1', 'line 2');
  await shown(id, 2);
  return { worker, id, build };
}

const shown = (id: string, lines: number) =>
  expect.poll(() => installation.redis.xlen(installation.keys.log(id))).toBe(lines);

/** The worker that holds a job loses it, as if it had died: its lock is another's, and its token is void. */
async function die({ id }: { readonly id: string }): Promise<void> {
  const { redis, keys } = installation;
  await redis.del(`${keys.bullPrefix}:builds:${id}:lock`);
}

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

async function endsWell(id: string, build: DirectedBuild, takeovers: number) {
  const { redis, keys } = installation;
  build.log('the last line');
  build.end();
  const job = await installation.ended(id);
  expect(job).toMatchObject({
    state: 'succeeded',
    attempts: [{ number: 1, outcome: 'succeeded', takeovers }],
  });
  expect(job.attempts).toHaveLength(1);
  expect(await installation.store.get(id)).toMatchObject({ spent: 0, lost: 0 });
  expect(await installation.log(id)).toBe(text(build.lines));
  expect(replica.builds).toHaveLength(1);
  await expect.poll(() => redis.zcard(keys.slots(replica.url))).toBe(0);
}

describe('a build whose replica keeps it', () => {
  it('is handed over at once by a worker that is stopped, and continued by another one', async () => {
    const { worker, id, build } = await building();
    await worker.stop();
    expect(await installation.job(id)).toMatchObject({ state: 'running', attempts: [{ number: 1 }] });
    expect(await installation.redis.zcard(installation.keys.slots(replica.url))).toBe(1);
    build.log('line 3');
    await startWorker();
    await shown(id, 3);
    await endsWell(id, build, 1);
  });

  it('is continued by worker after worker, and has each line of its log once', async () => {
    const { id, build, worker } = await building();
    let last = worker;
    for (let takeover = 1; takeover <= 3; takeover++) {
      const next = await startWorker();
      await last.stop();
      build.log(`after ${takeover}`);
      await shown(id, 2 + takeover);
      last = next;
    }
    await endsWell(id, build, 3);
  });

  it('is continued also when its replica was so new that nothing was known about it', async () => {
    const worker = await startWorker();
    await learned();
    await installation.redis.hdel(
      installation.keys.replica(replica.url),
      'engine',
      'engine_until',
      'features',
    );
    const id = await installation.submit();
    const build = await replica.build(0);
    build.log('line 1');
    await shown(id, 1);
    await worker.stop();
    await startWorker();
    await endsWell(id, build, 1);
  });

  it('is continued before other jobs, on the slot that it has', async () => {
    const { worker, id, build } = await building();
    const others = await Promise.all([1, 2, 3].map(() => installation.submit()));
    await worker.stop();
    await startWorker();
    await expect.poll(async () => (await installation.job(id)).attempts[0]?.takeovers).toBe(1);
    expect(replica.builds).toHaveLength(1);
    build.end();
    await installation.ended(id);
    for (const at of others.keys()) (await replica.build(at + 1)).end();
    for (const other of others) expect((await installation.ended(other)).state).toBe('succeeded');
    expect(replica.most()).toBe(1);
  });

  it.each([
    ['another worker', 1],
    ['the same worker', 0],
  ])('is continued by %s after its worker lost its lock, and recorded once', async (_by, others) => {
    const { id, build } = await building();
    for (let other = 0; other < others; other++) await startWorker();
    await die({ id });
    await expect
      .poll(async () => (await installation.job(id)).attempts[0]?.takeovers, { timeout: 20_000 })
      .toBe(1);
    await expect.poll(() => build.readers.size).toBe(1);
    await endsWell(id, build, 1);
  });

  it('has its result recorded also when it ended while no worker held it', async () => {
    const { worker, id, build } = await building();
    await worker.stop();
    build.log('without a reader');
    build.end();
    await startWorker();
    await endsWell(id, build, 1);
  });

  it('is not built again while its replica gives no answer but is not known to be down', async () => {
    // The slot of a build lives longer than its lock.
    const settings = { lockDurationMs: 30_000 };
    const { worker, id, build } = await building(settings);
    await worker.stop();
    replica.breakReads(4);
    await startWorker(settings);
    await expect.poll(() => build.readers.size, { timeout: 30_000 }).toBe(1);
    await endsWell(id, build, 1);
  });

  it('is built again when the replica has lost it, and no attempt is spent', async () => {
    const { worker, id } = await building();
    await worker.stop();
    replica.forget();
    await startWorker();
    (await replica.build(1)).end();
    expect(await installation.ended(id)).toMatchObject({
      state: 'succeeded',
      attempts: [
        { number: 1, outcome: 'draining' },
        { number: 2, outcome: 'succeeded' },
      ],
    });
    expect(await installation.store.get(id)).toMatchObject({ spent: 0, lost: 0 });
  });

  it('is built again when the replica is gone, on another one', async () => {
    const { worker, id } = await building();
    await worker.stop();
    await replica.stop();
    replica = await startKeepingReplica();
    await startWorker();
    (await replica.build(0)).end();
    expect(await installation.ended(id)).toMatchObject({
      state: 'succeeded',
      attempts: [{ outcome: 'draining' }, { outcome: 'succeeded' }],
    });
  });

  it('has no id from the second replica on if the first one wrote lines into the log', async () => {
    const replicas = [replica, await startKeepingReplica(), await startKeepingReplica()];
    try {
      await installation.startWorker(replicas.map(({ url }) => `${url}#max=1`));
      const features = ({ url }: KeepingReplica) =>
        installation.redis.hget(installation.keys.replica(url), 'features');
      await expect.poll(() => Promise.all(replicas.map(features))).not.toContain(null);
      const id = await installation.submit();
      const begun = () => replicas.flatMap(({ builds }) => builds).filter(({ isOver }) => !isOver);
      const ids: boolean[] = [];
      for (let call = 0; call < 3; call++) {
        await expect.poll(begun).toHaveLength(1);
        const [build] = begun();
        ids.push(build?.id !== '');
        if (call === 0) build?.log('a line');
        build?.end(call < 2 ? { status: 'failed', code: 'engine_unreachable', error: 'gone' } : undefined);
      }
      expect((await installation.ended(id)).state).toBe('succeeded');
      expect(ids).toEqual([true, false, false]);
    } finally {
      for (const other of replicas.slice(1)) await other.stop();
    }
  });

  it('is canceled at the replica, with a worker and without one', async () => {
    const { worker, id, build } = await building();
    await installation.store.cancel(id);
    expect(await installation.ended(id)).toMatchObject({
      state: 'canceled',
      attempts: [{ outcome: 'canceled' }],
    });
    expect(build.canceled).toBe(1);
    const next = await installation.submit();
    const nextBuild = await replica.build(1);
    nextBuild.log('line 1');
    await shown(next, 1);
    await worker.stop();
    await installation.store.cancel(next);
    await startWorker();
    expect(await installation.ended(next)).toMatchObject({ state: 'canceled' });
    expect(nextBuild.canceled).toBe(1);
  });

  it('ends as canceled when another worker stops it before its own worker knows of the cancellation', async () => {
    const { id, build } = await building();
    const { redis, keys } = installation;
    await redis.hset(keys.job(id), { cancel_requested: 1, cancel_requested_at: Date.now() });
    build.end({ status: 'failed', code: 'canceled', error: 'The build was stopped.' });
    expect(await installation.ended(id)).toMatchObject({ state: 'canceled' });
  });

  it.each([-1, 1])('is begun, continued and canceled where the clock is off by %i hours', async (hours) => {
    await replica.stop();
    replica = await startKeepingReplica({ aheadMs: hours * 3_600_000 });
    const { worker, id, build } = await building();
    await worker.stop();
    await startWorker();
    await endsWell(id, build, 1);
    const next = await installation.submit();
    const nextBuild = await replica.build(1);
    nextBuild.log('line 1');
    await shown(next, 1);
    await installation.store.cancel(next);
    expect(await installation.ended(next)).toMatchObject({ state: 'canceled' });
    expect(nextBuild.canceled).toBe(1);
  });

  it('is stopped at the replica when its time is up, which goes on over a takeover', async () => {
    const { worker, id, build } = await building({}, { timeout: 3 });
    await worker.stop();
    await startWorker({ maxAttempts: 1 });
    expect(await installation.ended(id)).toMatchObject({
      state: 'failed',
      error: { code: 'timed_out' },
      attempts: [{ takeovers: 1 }],
    });
    expect(build.canceled).toBe(1);
  });

  it('goes on over a connection that breaks, in the same worker', async () => {
    const { id, build } = await building();
    for (let cut = 1; cut <= 3; cut++) {
      build.cut();
      await expect.poll(() => build.reads.length).toBe(1 + cut);
      build.log(`after ${cut}`);
      await shown(id, 2 + cut);
    }
    expect(build.reads).toEqual([0, 2, 3, 4]);
    build.end();
    const job = await installation.ended(id);
    expect(job.attempts).toMatchObject([{ outcome: 'succeeded' }]);
    expect(await installation.log(id)).toBe(text(build.lines));
  });

  it('is lost with the connection when the replica does not know it any more, as with other replicas', async () => {
    const { id } = await building();
    replica.forget();
    (await replica.build(1)).end();
    expect(await installation.ended(id)).toMatchObject({
      attempts: [{ outcome: 'builder_lost' }, { outcome: 'succeeded' }],
    });
  });
});
