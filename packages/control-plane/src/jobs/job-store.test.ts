import { randomUUID } from 'node:crypto';
import { type JobSpec, jobSchema, jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Keys, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseEvents } from '../events/index.js';
import type { AttemptEnd } from './attempt-outcome.js';
import { JobStore } from './job-store.js';
import { type JobRecord, toJob } from './record.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const digest = `sha256:${'a'.repeat(64)}`;
const spec = (changes: object = {}): JobSpec =>
  jobSpecSchema.parse({ image: 'registry.example/team/hello:1', source: { digest }, ...changes });

const tenant = { name: 'default', weight: 1 };
const begin = (token: string, worker: string) => ({
  token,
  worker,
  replica: 'http://b0',
  takesSuspects: true,
});

function newStore(): { store: JobStore; keys: Keys } {
  const keys = redisKeys(`test-${randomUUID()}`);
  return { store: new JobStore({ redis, keys }), keys };
}

async function queued(changes: object = {}) {
  const { store, keys } = newStore();
  const id = newId('job');
  await store.create(id, spec(changes), { tenant });
  return { store, keys, id };
}

async function running(changes: object = {}) {
  const made = await queued(changes);
  const token = randomUUID();
  const reply = await made.store.start(made.id, begin(token, 'w1'));
  expect(reply).toMatchObject({ outcome: 'started', takenOver: false });
  return { ...made, token };
}

const result = { image: 'registry.example/team/hello:1', digest, duration_ms: 12 };
const failed: AttemptEnd = {
  state: 'failed',
  error: { code: 'build_failed', detail: 'step 2', log_tail: ['x'] },
};
const succeeded: AttemptEnd = { state: 'succeeded', result };

async function events(keys: Keys) {
  return parseEvents(await redis.xrange(keys.events, '-', '+')).map((event) =>
    event.kind === 'job' ? `${event.version} ${event.type}` : event.type,
  );
}

describe('a job record', () => {
  it('goes from queued through running to succeeded with an event for each change', async () => {
    const { store, keys, id, token } = await running();
    expect(await store.place(id, token, { replica: 'http://b1' })).toBe('placed');
    expect(await store.finish(id, token, succeeded)).toBe(true);
    const record = await store.get(id);
    expect(record && toJob(record)).toMatchObject({
      id,
      state: 'succeeded',
      version: 3,
      result,
      attempts: [{ number: 1, worker: 'w1', replica: 'http://b1', outcome: 'succeeded' }],
    });
    expect(await events(keys)).toEqual(['1 job.queued', '2 job.started', '3 job.succeeded']);
    expect(await store.count('succeeded')).toBe(1);
    expect(await store.count('running')).toBe(0);
  });

  it('has an end event that says whether the job has a callback', async () => {
    const callback = { url: 'https://ci.example/hook' };
    // A text that looks like a callback is not one.
    const alike = { build_args: { callback: '{"callback":{"url":"https://ci.example/"}}' } };
    for (const [changes, expected] of [
      [{ callback }, true],
      [alike, false],
      [{}, false],
    ] as const) {
      const { store, keys, id } = await queued(changes);
      await store.cancel(id);
      const ends = parseEvents(await redis.xrange(keys.events, '-', '+')).slice(1);
      expect(ends).toMatchObject([{ type: 'job.canceled', callback: expected }]);
    }
  });

  it('names its trace, if it has one', async () => {
    const { store, id } = await queued();
    const record = await store.get(id);
    expect(record && toJob(record)).not.toHaveProperty('trace_id');
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ci=7-8';
    expect(record && jobSchema.parse(toJob({ ...record, trace })).trace_id).toBe(
      '0af7651916cd43dd8448eb211c80319c',
    );
  });

  it('refuses a second record with the same id', async () => {
    const { store, id } = await queued();
    await expect(store.create(id, spec(), { tenant })).rejects.toMatchObject({ code: 'internal' });
  });

  it('leaves a job to the attempt that holds its slot', async () => {
    const { store, keys, id, token } = await running();
    const slot = async (ms: number) => {
      const [seconds] = await redis.time();
      await redis.zadd(keys.slots('http://b0'), Number(seconds) * 1_000 + ms, `${id}:${token}`);
    };
    await slot(600_000);
    const held = { outcome: 'held', forMs: expect.toSatisfy((ms) => ms > 0 && ms <= 601_000) };
    expect(await store.admit(id)).toEqual(held);
    expect(await store.start(id, begin(randomUUID(), 'w2'))).toEqual(held);
    await slot(-600_000);
    expect(await store.admit(id)).toMatchObject({ outcome: 'ready' });
    expect(await store.start(id, begin(randomUUID(), 'w2'))).toMatchObject({ takenOver: true });
  });

  it('refuses a stale token for every transition', async () => {
    const { store, id, token } = await running();
    const takeover = randomUUID();
    expect(await store.start(id, begin(takeover, 'w2'))).toMatchObject({ takenOver: true });
    expect(await store.place(id, token, { replica: 'http://b1' })).toBe('stale');
    expect(await store.finish(id, token, succeeded)).toBe(false);
    expect(await store.requeue(id, token, { code: 'push_failed', detail: '', spent: true, delayMs: 1 })).toBe(
      false,
    );
    expect(await store.finish(id, takeover, failed)).toBe(true);
    const record = await store.get(id);
    expect(record).toMatchObject({ state: 'failed', spent: 1 });
    expect(record?.attempts.map(({ worker, outcome }) => [worker, outcome])).toEqual([
      ['w1', 'worker_lost'],
      ['w2', 'build_failed'],
    ]);
  });

  it('never leaves a terminal state', async () => {
    const { store, keys, id, token } = await running();
    await store.finish(id, token, failed);
    const before = await events(keys);
    expect(await store.finish(id, token, succeeded)).toBe(false);
    expect(await store.start(id, begin(randomUUID(), 'w2'))).toEqual({ outcome: 'terminal' });
    expect(await store.cancel(id)).toBe('terminal');
    expect((await store.get(id))?.state).toBe('failed');
    expect(await events(keys)).toEqual(before);
  });

  it('counts a spent attempt and hides an attempt that was placed again', async () => {
    const { store, id, token } = await running();
    await store.requeue(id, token, { code: 'builder_busy', detail: 'full', spent: false, delayMs: 5_000 });
    expect(await store.get(id)).toMatchObject({ state: 'queued', spent: 0, attempts: [] });
    expect((await store.get(id))?.retryAt).toBeGreaterThan(Date.now());
    const second = randomUUID();
    await store.start(id, begin(second, 'w1'));
    await store.requeue(id, second, { code: 'push_failed', detail: '502', spent: true, delayMs: 0 });
    expect(await store.get(id)).toMatchObject({
      spent: 1,
      attempts: [{ number: 2, outcome: 'push_failed', detail: '502' }],
    });
  });

  it('is quarantined when its worker is lost twice', async () => {
    const { store, id } = await running();
    expect(await store.start(id, begin('b', 'w2'))).toMatchObject({ outcome: 'started' });
    expect(await store.start(id, begin('c', 'w3'))).toEqual({ outcome: 'terminal' });
    expect(await store.get(id)).toMatchObject({ state: 'failed', error: { code: 'quarantined' } });
  });

  it('is not quarantined for workers that died with many builds', async () => {
    const { store } = newStore();
    const ids = Array.from({ length: 4 }, () => newId('job'));
    for (const id of ids) await store.create(id, spec({ image: `r.example/${id}:1` }), { tenant });
    for (const worker of ['w1', 'w2', 'w3', 'w4'])
      for (const id of ids)
        expect(await store.start(id, begin(randomUUID(), worker))).toMatchObject({ outcome: 'started' });
  });

  it('is quarantined after two deaths when it was the only suspect at the second; others are not', async () => {
    const { store } = newStore();
    const [killer, ...others] = Array.from({ length: 4 }, () => newId('job')) as [string, ...string[]];
    for (const id of [killer, ...others])
      await store.create(id, spec({ image: `r.example/${id}:1` }), { tenant });
    for (const id of [killer, ...others]) await store.start(id, begin(randomUUID(), 'w1'));
    await store.start(killer, begin(randomUUID(), 'w2'));
    const fresh = newId('job');
    await store.create(fresh, spec({ image: 'r.example/fresh:1' }), { tenant });
    await store.start(fresh, begin(randomUUID(), 'w2'));
    expect(await store.start(killer, begin(randomUUID(), 'w3'))).toEqual({ outcome: 'terminal' });
    expect(await store.get(killer)).toMatchObject({ state: 'failed', error: { code: 'quarantined' } });
    for (const id of [fresh, ...others])
      expect(await store.start(id, begin(randomUUID(), 'w3'))).toMatchObject({ outcome: 'started' });
  });

  it('is not quarantined while workers die on which it never ran', async () => {
    const { store } = newStore();
    const start = (id: string, worker: string) => store.start(id, begin(randomUUID(), worker));
    const [innocent, ...strangers] = Array.from({ length: 3 }, () => newId('job')) as [string, ...string[]];
    for (const id of [innocent, ...strangers])
      await store.create(id, spec({ image: `r.example/${id}:1` }), { tenant });
    await start(innocent, 'w1');
    for (const id of strangers) await start(id, `with-${id}`);
    expect(await start(innocent, 'w2')).toMatchObject({ outcome: 'started' });
    for (const id of strangers) await start(id, 'w4');
    expect(await start(innocent, 'w5')).toMatchObject({ outcome: 'started' });
    expect(await start(innocent, 'w6')).toMatchObject({ outcome: 'started' });
    // Each death on another worker excuses one death of this job, but it has more deaths than excuses.
    expect(await start(innocent, 'w7')).toEqual({ outcome: 'terminal' });
    expect(await store.get(innocent)).toMatchObject({ error: { code: 'quarantined' } });
  });

  it('is quarantined after three times the limit, even when other workers die', async () => {
    const { store } = newStore();
    const start = (id: string, worker: string) => store.start(id, begin(randomUUID(), worker));
    const killer = newId('job');
    await store.create(killer, spec({ image: 'r.example/killer:1' }), { tenant });
    await start(killer, 'w0');
    for (let death = 1; death <= 6; death++) {
      const stranger = newId('job');
      await store.create(stranger, spec({ image: `r.example/${stranger}:1` }), { tenant });
      await start(stranger, `other-${death}`);
      await start(stranger, 'refuge');
      const outcome = death < 6 ? 'started' : 'terminal';
      expect(await start(killer, `w${death}`)).toMatchObject({ outcome });
    }
  });

  it.each(['drained', 'draining', 'leaving', 'gone'])(
    'does not count the death of a builder that was known as %s',
    async (how) => {
      const { store, keys } = newStore();
      const id = newId('job');
      await store.create(id, spec(), { tenant });
      const died = { code: 'builder_lost', detail: 'reset', spent: true, delayMs: 0, died: true } as const;
      await redis.zadd(keys.replicas, how === 'gone' ? Date.now() - 60_000 : Date.now(), 'http://b0');
      const known = { readiness: 'draining', readiness_until: Date.now() + 60_000 };
      if (how === 'drained') await redis.hset(keys.replica('http://b0'), 'draining', 1);
      if (how === 'leaving') await redis.hset(keys.replica('http://b0'), 'leaving', 1);
      if (how === 'draining') await redis.hset(keys.replica('http://b0'), known);
      for (let death = 1; death <= 3; death++) {
        const token = randomUUID();
        await store.start(id, begin(token, 'w1'));
        expect(await store.requeue(id, token, died)).toBe(true);
        expect(await store.get(id)).toMatchObject({ state: 'queued', lost: 0 });
      }
    },
  );

  it('spends no attempt, and counts no death, when a worker is killed after SIGTERM', async () => {
    const { store } = newStore();
    const id = newId('job');
    await store.create(id, spec(), { tenant });
    for (let worker = 1; worker <= 4; worker++) {
      await store.start(id, begin(randomUUID(), `w${worker}`));
      await store.noteDraining(`w${worker}`, 60_000);
    }
    expect(await store.get(id)).toMatchObject({ state: 'running', spent: 0, lost: 0 });
    const outcomes = (await store.get(id))?.attempts.map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['draining', 'draining', 'draining', undefined]);
    // Its name is forgotten with time.
    await store.noteDraining('w5', -1);
    await store.noteDraining('w6', 60_000);
    await store.start(id, begin(randomUUID(), 'w5'));
    await store.start(id, begin(randomUUID(), 'w6'));
    expect(await store.get(id)).toMatchObject({ spent: 1, lost: 1 });
  });

  it('is not quarantined for builders that died with several builds at once, however often', async () => {
    const { store } = newStore();
    const ids = Array.from({ length: 3 }, () => newId('job'));
    const died = { code: 'builder_lost', detail: 'reset', spent: true, delayMs: 0, died: true } as const;
    for (const id of ids) await store.create(id, spec({ image: `r.example/${id}:1` }), { tenant });
    for (let death = 1; death <= 3; death++) {
      for (const id of ids) await store.start(id, { ...begin(id, 'w1'), replica: `http://b${death}` });
      for (const id of ids) expect(await store.requeue(id, id, died)).toBe(true);
      for (const id of ids) expect(await store.get(id)).toMatchObject({ state: 'queued', lost: 1 });
    }
  });

  it('is canceled at once while queued', async () => {
    const { store, id } = await queued();
    expect(await store.cancel(id)).toBe('canceled');
    expect(await store.get(id)).toMatchObject({ state: 'canceled', error: { code: 'canceled' } });
    expect(await store.start(id, begin('a', 'w'))).toEqual({ outcome: 'terminal' });
  });

  it('keeps the time of a cancel request, even when it succeeds', async () => {
    const { store, id, token } = await running();
    expect(toJob((await store.get(id)) as JobRecord)).not.toHaveProperty('cancel_requested_at');
    expect(await store.cancel(id)).toBe('requested');
    const first = (await store.get(id))?.cancelRequestedAt;
    expect(first).toBeGreaterThan(0);
    await store.cancel(id);
    expect(await store.finish(id, token, succeeded)).toBe(true);
    const job = jobSchema.parse(toJob((await store.get(id)) as JobRecord));
    expect(job).toMatchObject({ state: 'succeeded', cancel_requested: true });
    expect(job.cancel_requested_at).toBe(new Date(first ?? 0).toISOString());
  });

  it.each([true, false])('ends canceled instead of going back to the queue (spent: %s)', async (spent) => {
    const { store, id, token } = await running();
    await store.cancel(id);
    const again = { code: 'push_failed', detail: '502', spent, delayMs: 60_000 } as const;
    expect(await store.requeue(id, token, again)).toBe(true);
    const outcome = spent ? 'push_failed' : 'canceled';
    const error = { code: 'canceled' };
    expect(await store.get(id)).toMatchObject({ state: 'canceled', error, attempts: [{ outcome }] });
  });

  it('is canceled by its worker while running, or by the next worker when that one is lost', async () => {
    const { store, keys, id, token } = await running();
    const subscriber = redis.duplicate();
    await subscriber.subscribe(keys.cancellations);
    const announced = new Promise((resolve) => subscriber.once('message', (_channel, text) => resolve(text)));
    expect(await store.cancel(id)).toBe('requested');
    expect(await announced).toBe(id);
    subscriber.disconnect();
    expect(await store.interrupted(new Map([[id, token]]))).toEqual({ canceled: [id], stale: [] });
    expect(await store.start(id, begin('b', 'w2'))).toEqual({ outcome: 'terminal' });
    expect(await store.get(id)).toMatchObject({ state: 'canceled' });
  });

  it('returns stale tokens', async () => {
    const { store, id } = await running();
    expect(await store.interrupted(new Map([[id, 'other']]))).toEqual({ canceled: [], stale: [id] });
  });

  it('does not show the secret of its callback', async () => {
    const { store, keys } = newStore();
    const id = newId('job');
    const secret = `whsec_${'QUJD'.repeat(8)}`;
    await store.create(id, spec({ callback: { url: 'https://ci.example/hook', secret } }), {
      tenant,
      sealedCallbackSecret: 'sealed',
    });
    const fields = await redis.hgetall(keys.job(id));
    expect(JSON.stringify(fields)).not.toContain(secret);
    const record = await store.get(id);
    expect(record?.sealedCallbackSecret).toBe('sealed');
    expect(JSON.stringify(record && toJob(record))).not.toContain('sealed');
  });
});

describe('the list of jobs', () => {
  it('is newest first, filtered by all indexes together, and continues by cursor', async () => {
    const { store } = newStore();
    const ids: string[] = [];
    for (let at = 0; at < 12; at++) {
      const id = newId('job');
      ids.unshift(id);
      const name = at % 2 === 0 ? 'even' : 'odd';
      await store.create(
        id,
        spec({ function: name, image: `r.example/${name}:${at}`, labels: { third: String(at % 3) } }),
        { tenant },
      );
    }
    const list = async (filter: object) =>
      (await store.list({ tenant: 'default', limit: 50, ...filter })).records.map(({ id }) => id);
    expect(await list({})).toEqual(ids);
    expect(await list({ function: 'openfaas-fn/even' })).toEqual(ids.filter((_id, at) => at % 2 === 1));
    expect(await list({ image: 'r.example/odd' })).toEqual(ids.filter((_id, at) => at % 2 === 0));
    expect(await list({ image: 'r.example/odd:7', labels: { third: '0' }, state: 'queued' })).toEqual([
      ids[2],
      ids[8],
    ]);
    expect(await list({ state: 'running' })).toEqual([]);

    const pages: string[][] = [];
    let before: string | undefined;
    do {
      const page = await store.list({ tenant: 'default', limit: 5, before });
      pages.push(page.records.map(({ id }) => id));
      before = page.next;
    } while (before !== undefined);
    expect(pages.flat()).toEqual(ids);
    expect(pages.map(({ length }) => length)).toEqual([5, 5, 2]);
  });
});
