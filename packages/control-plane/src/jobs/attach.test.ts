import { randomUUID } from 'node:crypto';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createBuildQueues } from '../queues/index.js';
import { ReplicaRegistry, SlotLedger } from '../replicas/index.js';
import { Hold } from './hold.js';
import { JobStore } from './job-store.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
let keys: ReturnType<typeof redisKeys>;
let store: JobStore;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const replica = 'http://keeps';
const result = { image: 'x', duration_ms: 1 };

beforeEach(async () => {
  keys = redisKeys(`attach-${randomUUID()}`);
  store = new JobStore({ redis, keys, buildSlotMs: 60_000 });
  const registry = new ReplicaRegistry({ redis, keys });
  await registry.announce([{ url: replica, max: 4, pool: 'default', platforms: [] }]);
  await registry.setEngine(replica, 'buildkit', ['attachable-builds']);
});

/** Starts the attempt of a new job. Returns the ids of the job and of its build, and the token of its holder. */
async function running(worker = 'first') {
  const id = newId('job');
  await create(id);
  return { id, ...(await begin(id, worker)) };
}

async function create(id: string) {
  const spec = { image: `r.example/${id.toLowerCase()}:1`, source: { digest: `sha256:${'a'.repeat(64)}` } };
  await store.create(id, jobSpecSchema.parse(spec), { tenant: { name: 'default', weight: 1 } });
}

async function begin(id: string, worker: string) {
  const build = randomUUID();
  const token = `${build}.1`;
  const ledger = new SlotLedger({ redis, keys });
  await ledger.acquire(
    [{ id: `${id}:${build}`, pool: 'default', preference: [replica], suspect: false }],
    1_000,
  );
  const started = await store.start(id, { token, worker, replica, build, takesSuspects: true });
  expect(started.outcome).toBe('started');
  return { build, token };
}

let tokens = 1;
const attach = async (id: string, build: string, worker = 'second') => {
  const token = `${build}.${++tokens}`;
  return { token, ...(await store.attach(id, { build, token, worker, takesSuspects: true })) };
};

/** Starts a job whose build ends with its worker, on a worker that has another job. */
async function beside(worker: string): Promise<string> {
  const id = newId('job');
  await create(id);
  const started = await store.start(id, {
    token: id,
    worker,
    replica: 'http://forgets',
    takesSuspects: true,
  });
  expect(started.outcome).toBe('started');
  return id;
}

/** Another worker finds that the worker of the job has died, and cannot continue its build. */
async function loses(id: string) {
  const last = { token: randomUUID(), worker: 'lives', replica: 'http://forgets', takesSuspects: true };
  await store.start(id, last);
  return await store.get(id);
}

it('an attempt begins right behind the request for its slot, and only with a slot of the replica', async () => {
  const id = newId('job');
  await create(id);
  const before = await store.get(id);
  const build = randomUUID();
  const lease = `${id}:${build}`;
  const attempt = { token: `${build}.1`, worker: 'first', build, takesSuspects: true, lease };
  const start = (url: string) => store.start(id, { ...attempt, replica: url });
  expect(await start(replica)).toEqual({ outcome: 'no_slot' });
  const ledger = new SlotLedger({ redis, keys });
  const acquiring = ledger.acquire([{ id: lease, pool: 'default', preference: [], suspect: false }], 1_000);
  expect(await start('http://other')).toEqual({ outcome: 'no_slot' });
  expect(await store.get(id)).toEqual(before);
  const started = start(replica);
  expect(await acquiring).toMatchObject([{ lease: { url: replica } }]);
  expect(await started).toMatchObject({ outcome: 'started', record: { build } });
});

it('a ready job stays with its worker until an earlier one waits, others may use the slots, or it does not wait any more', async () => {
  const ledger = new SlotLedger({ redis, keys });
  const id = newId('job');
  const spec = { image: 'r.example/ready:1', source: { digest: `sha256:${'a'.repeat(64)}` } };
  await store.create(id, jobSpecSchema.parse(spec), { tenant: { name: 'default', weight: 1 } });
  const builds = createBuildQueues({ redis, keys });
  const priority = 10;
  const stays = (yields: boolean) => store.staysReady({ id, pool: 'default', priority, yields });
  expect(await stays(false)).toBe(false);
  for (let at = 0; at < 4; at++)
    await ledger.acquire([{ id: `${at}`, pool: 'default', preference: [], suspect: false }], 60_000);
  expect(await stays(true)).toBe(true);
  await builds.add([{ id: newId('job'), pool: 'default', priority }]);
  expect(await stays(true)).toBe(true);
  await builds.add([{ id: newId('job'), pool: 'default', priority: priority - 1 }]);
  expect([await stays(true), await stays(false)]).toEqual([false, true]);
  const hold = new Hold({ redis, keys });
  await hold.begin();
  expect(await stays(false)).toBe(false);
  await hold.release();
  expect(await stays(false)).toBe(true);
  await store.cancel(id);
  expect(await stays(false)).toBe(false);
});

describe('a build that outlives its worker', () => {
  it('is continued by another worker: the same attempt, nothing spent or blamed, and one result', async () => {
    const { id, build, token } = await running();
    const attached = await attach(id, build);
    expect(attached).toMatchObject({ outcome: 'attached', from: 'first' });
    expect(await store.finish(id, token, { state: 'succeeded', result })).toBe(false);
    expect(await store.finish(id, attached.token, { state: 'succeeded', result })).toBe(true);
    const record = await store.get(id);
    expect(record).toMatchObject({ state: 'succeeded', attempt: 1, spent: 0, lost: 0, build: undefined });
    expect(record?.attempts).toMatchObject([
      { number: 1, worker: 'second', takeovers: 1, outcome: 'succeeded' },
    ]);
    expect(await redis.exists(keys.aboard('first'), keys.aboard('second'), keys.aboard(replica))).toBe(0);
  });

  it('has one holder when two workers attach', async () => {
    const { id, build } = await running();
    const [one, two] = [await attach(id, build, 'second'), await attach(id, build, 'third')];
    expect(await store.interrupted(new Map([[id, one.token]]))).toEqual({ canceled: [], stale: [id] });
    expect(await store.finish(id, one.token, { state: 'succeeded', result })).toBe(false);
    expect(await store.finish(id, two.token, { state: 'succeeded', result })).toBe(true);
  });

  it('is over when the job has ended, or has begun another attempt', async () => {
    const { id, build, token } = await running();
    await store.requeue(id, token, { code: 'builder_lost', detail: '', spent: true, delayMs: 0 });
    expect(await attach(id, build)).toMatchObject({ outcome: 'stale' });
    const again = await begin(id, 'second');
    expect(await attach(id, build)).toMatchObject({ outcome: 'stale' });
    await store.finish(id, again.token, { state: 'succeeded', result });
    expect(await attach(id, again.build)).toMatchObject({ outcome: 'terminal' });
  });

  it('is handed over by its holder alone, and keeps its slot meanwhile', async () => {
    const { id, build, token } = await running();
    const slotEnd = async () => Number(await redis.zscore(keys.slots(replica), `${id}:${build}`));
    const [seconds, micros] = await redis.time();
    const now = Number(seconds) * 1_000 + Number(micros) / 1_000;
    expect((await slotEnd()) - now).toBeGreaterThan(50_000);
    expect(await store.handOver(id, 'made up')).toBe(false);
    expect(await store.handOver(id, token)).toBe(true);
    expect(await store.handOver(id, token)).toBe(false);
    expect(await store.finish(id, token, { state: 'succeeded', result })).toBe(false);
    expect(await store.admit(id)).toMatchObject({ outcome: 'ready', record: { state: 'running', build } });
    expect(await attach(id, build)).toMatchObject({ outcome: 'attached' });
  });

  it('begins again when the replica has lost it, and a handover spends no attempt', async () => {
    const { id, build, token } = await running();
    await store.handOver(id, token);
    await begin(id, 'second');
    expect(await store.get(id)).toMatchObject({
      attempt: 2,
      spent: 0,
      lost: 0,
      attempts: [{ outcome: 'draining' }, { number: 2 }],
    });
    expect(await attach(id, build)).toMatchObject({ outcome: 'stale' });
  });

  it('counts the death of its worker when the replica has lost it', async () => {
    const { id } = await running();
    await begin(id, 'second');
    expect(await store.get(id)).toMatchObject({
      spent: 1,
      lost: 1,
      attempts: [{ outcome: 'worker_lost' }, {}],
    });
  });

  it('is not continued any more when worker after worker dies over it', async () => {
    const { id, build } = await running('dies-0');
    for (let death = 1; death <= 3; death++)
      expect(await attach(id, build, `dies-${death}`)).toMatchObject({ outcome: 'attached' });
    expect(await attach(id, build, 'lives')).toMatchObject({ outcome: 'stale' });
    const again = await begin(id, 'lives');
    expect(await store.get(id)).toMatchObject({ attempt: 2, lost: 1 });
    // It is a suspect now: the next death counts at once.
    expect(await attach(id, again.build, 'other')).toMatchObject({ outcome: 'stale' });
    const token = `${randomUUID()}.1`;
    const last = { token, worker: 'other', replica, build: token.slice(0, -2), takesSuspects: true };
    expect(await store.start(id, last)).toMatchObject({ outcome: 'terminal' });
    expect(await store.get(id)).toMatchObject({ state: 'failed', error: { code: 'quarantined' } });
  });

  it('does not excuse its job by the deaths of its own workers', async () => {
    const { id, build } = await running('own-0');
    for (let death = 1; death <= 3; death++) {
      const other = await beside(`own-${death - 1}`);
      await attach(id, build, `own-${death}`);
      expect(await loses(other)).toMatchObject({ lost: 1 });
    }
    await begin(id, 'own-4');
    expect(await loses(id)).toMatchObject({ state: 'failed', error: { code: 'quarantined' } });
  });

  it('counts among the jobs of a dead worker also after another worker continues it', async () => {
    const { id, build } = await running('dies');
    const other = await beside('dies');
    await attach(id, build);
    expect(await loses(other)).toMatchObject({ lost: 1 });
    expect(await redis.hget(keys.job(other), 'blamed')).toBeNull();
  });

  it('may be the cause of a death that another job met before with it', async () => {
    const { id, build } = await running('both-0');
    const other = await beside('both-0');
    await attach(id, build, 'both-1');
    const startsOn = (worker: string) =>
      store.start(other, { token: randomUUID(), worker, replica: 'http://forgets', takesSuspects: true });
    expect(await startsOn('both-1')).toMatchObject({ record: { lost: 1 } });
    await attach(id, build, 'both-2');
    expect(await startsOn('both-2')).toMatchObject({ record: { lost: 1 } });
    await attach(id, build, 'both-3');
    expect(await startsOn('alone')).toMatchObject({ record: { lost: 1 } });
    // Now no other job of its worker can be the cause. The death of `both-0` does not excuse a job that met it.
    expect(await loses(other)).toMatchObject({ state: 'failed', error: { code: 'quarantined' } });
  });

  it('is no excuse for a job that has met more deaths', async () => {
    const { id, build } = await running('more-0');
    for (let death = 1; death <= 3; death++) await attach(id, build, `more-${death}`);
    const innocent = await running('more-3');
    await begin(id, 'more-4');
    expect(await attach(innocent.id, innocent.build, 'more-4')).toMatchObject({ outcome: 'attached' });
    expect(await loses(id)).toMatchObject({ state: 'failed', error: { code: 'quarantined' } });
  });

  it('survives any number of workers that are stopped', async () => {
    const { id, build } = await running('stopped-0');
    for (let stop = 0; stop < 6; stop++) {
      await store.noteDraining(`stopped-${stop}`, 60_000);
      expect(await attach(id, build, `stopped-${stop + 1}`)).toMatchObject({ outcome: 'attached' });
    }
    expect(await store.get(id)).toMatchObject({
      attempt: 1,
      lost: 0,
      spent: 0,
      attempts: [{ takeovers: 6 }],
    });
  });

  it('goes on while no job may start', async () => {
    const { id, build } = await running();
    await redis.hset(keys.hold, 'reason', 'operator', 'since', '1');
    expect(await store.admit(id)).toMatchObject({ outcome: 'ready' });
    expect(await attach(id, build)).toMatchObject({ outcome: 'attached' });
  });

  it('is remembered only for a replica that keeps builds', async () => {
    const { id, build, token } = await running();
    expect(await store.place(id, token, { replica: 'http://forgets', build })).toBe('placed');
    expect(await store.get(id)).toMatchObject({ build: undefined });
    expect(await store.handOver(id, token)).toBe(false);
    expect(await attach(id, build)).toMatchObject({ outcome: 'stale' });
    expect(await store.place(id, token, { replica, build })).toBe('kept');
    expect(await attach(id, build)).toMatchObject({ outcome: 'attached' });
  });
});
