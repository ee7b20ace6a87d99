import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { cancelStopped } from '../jobs/index.js';
import { accountFaults } from '../stored/testing.js';
import { campaignStores, digestBefore, digestOf } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const node = 'docker.io/library/node:22-alpine';

describe('a campaign', () => {
  it('has no job in the queue before it is accepted, then the jobs of its first wave', async () => {
    const at = campaignStores(redis);
    const made = await at.drafted([2, 3]);
    expect(at.dispatch.ids).toEqual([]);
    expect(await at.campaigns.get(made.id)).toBeUndefined();
    expect(await at.accept(made)).toMatchObject({
      wave: 1,
      compared: 0,
      sizes: [2, 3],
      batches: made.batches,
    });
    expect(at.dispatch.ids.toSorted()).toEqual([...(made.jobs[0] ?? [])].toSorted());
    expect(await at.waiting(made.jobs.flat())).toEqual(made.jobs[1]);
    expect(await at.campaigns.open()).toEqual([made.id]);
    // The leading worker does not take a later wave for a draft whose writer stopped.
    expect(await at.batches.drafts(-1_000)).toEqual([]);
    expect(await at.batches.giveUp(made.batches[1] ?? '')).toBe(false);
  });

  it('begins each wave when the one before has ended, once, however often that is repeated', async () => {
    const at = campaignStores(redis);
    const { id, jobs, batches } = await at.accepted([1, 2, 1]);
    const results = [{ state: 'changed' as const, digest: digestOf('c') }];
    const record = () => at.campaigns.recordResults(id, { wave: 1, first: 0, results });
    expect(await record()).toBe('wait');
    expect(await at.campaigns.advance(id, 1)).toBe('stale');
    await at.succeed(jobs[0]?.[0] ?? '');
    // A leader is killed after each of the steps, and two do the same at once.
    expect(await at.campaigns.advance(id, 1)).toBe('stale');
    expect((await Promise.all([record(), record()])).toSorted()).toEqual(['ok', 'stale']);
    const both = await Promise.all([at.campaigns.advance(id, 1), at.campaigns.advance(id, 1)]);
    expect(both.toSorted()).toEqual(['ok', 'stale']);
    expect([await record(), await at.campaigns.advance(id, 1)]).toEqual(['stale', 'stale']);
    expect(await at.campaigns.get(id)).toMatchObject({ wave: 2, compared: 1, comparison: { changed: 1 } });
    expect(at.dispatch.ids).toHaveLength(3);
    expect(await at.batches.get(batches[1] ?? '')).toMatchObject({ committed: true, total: 2 });
    expect((await at.batches.list({ tenant: at.tenant.name, limit: 10 })).records).toHaveLength(2);
    for (const job of jobs[1] ?? []) await at.succeed(job);
    expect(await at.leave(id, 2, 2)).toEqual(['ok', 'ok']);
    await at.succeed(jobs[2]?.[0] ?? '');
    expect(await at.leave(id, 3, 1)).toEqual(['ok', 'terminal']);
    expect(await at.leave(id, 3, 1)).toEqual(['stale', 'stale']);
    expect((await at.campaigns.get(id))?.finishedAt).toBeDefined();
    expect(await at.campaigns.open()).toEqual([]);
    expect(await at.campaigns.functions(id, 0, 2)).toMatchObject([
      { planned: { function: 'dev/f-0', before: digestBefore }, result: results[0] },
      { planned: { function: 'dev/f-1' }, result: { state: 'changed' } },
    ]);
    for (const key of [at.keys.campaign(id), at.keys.campaignFunctions(id), at.keys.campaignResults(id)]) {
      expect(await redis.pttl(key)).toBeGreaterThan(0);
    }
    expect(await accountFaults({ redis, keys: at.keys })).toEqual([]);
  });

  it('pauses when more jobs of a wave fail than may, and goes on after a resume with as many more', async () => {
    const at = campaignStores(redis);
    const { id, jobs } = await at.accepted([6, 1], { maxFailures: 1, options: { max_running: 1 } });
    const wave = jobs[0] ?? [];
    const next = () => at.dispatch.ids.at(-1) ?? '';
    await at.fail(next());
    expect((await at.campaigns.get(id))?.pausedAt).toBeUndefined();
    await at.fail(next());
    expect(await at.campaigns.get(id)).toMatchObject({ pausedBy: 'max_failures' });
    expect(await at.waiting(wave)).toHaveLength(4);
    const released = at.dispatch.ids.length;
    expect(await at.campaigns.resume(id)).toBe('ok');
    expect(await at.campaigns.resume(id)).toBe('terminal');
    expect(at.dispatch.ids).toHaveLength(released + 1);
    await at.fail(next());
    expect((await at.campaigns.get(id))?.pausedAt).toBeUndefined();
    await at.fail(next());
    expect(await at.campaigns.get(id)).toMatchObject({ pausedBy: 'max_failures' });
  });

  it('does not begin the next wave while it is paused', async () => {
    const at = campaignStores(redis);
    const { id, jobs } = await at.accepted([1, 1, 1]);
    await at.fail(jobs[0]?.[0] ?? '');
    expect(await at.leave(id, 1, 1)).toEqual(['ok', 'wait']);
    expect(await at.campaigns.advance(id, 1)).toBe('wait');
    expect(await at.campaigns.resume(id)).toBe('ok');
    expect(await at.campaigns.advance(id, 1)).toBe('ok');
    expect(at.dispatch.ids).toContain(jobs[1]?.[0]);
    // A failure of the last wave holds up nothing.
    await at.succeed(jobs[1]?.[0] ?? '');
    expect(await at.leave(id, 2, 1)).toEqual(['ok', 'ok']);
    await at.fail(jobs[2]?.[0] ?? '');
    expect(await at.leave(id, 3, 1)).toEqual(['ok', 'terminal']);
  });

  it('starts no job while it is paused, and every job after it is resumed', async () => {
    const at = campaignStores(redis);
    const { id, batches, jobs } = await at.accepted([3]);
    const [first, second, third] = (jobs[0] ?? []) as [string, string, string];
    expect(await at.start(first)).toBe('started');
    expect([await at.campaigns.pause(id), await at.campaigns.pause(id)]).toEqual(['ok', 'ok']);
    expect(await at.campaigns.get(id)).toMatchObject({ pausedBy: 'request' });
    // One was in the queue, and a worker had admitted the other one.
    expect(await at.store.admit(second)).toMatchObject({ outcome: 'missing' });
    expect(await at.start(third)).toBe('missing');
    expect((await at.waiting([second, third])).length).toBe(2);
    await at.succeed(first);
    expect(await at.waiting([second, third])).toHaveLength(2);
    const released = at.dispatch.ids.length;
    expect(await at.campaigns.resume(id)).toBe('ok');
    expect(at.dispatch.ids.slice(released).toSorted()).toEqual([second, third].toSorted());
    await at.succeed(second);
    await at.succeed(third);
    expect((await at.batches.get(batches[0] ?? ''))?.finishedAt).toBeDefined();
    expect(await redis.hget(at.keys.batch(batches[0] ?? ''), 'outstanding')).toBe('0');
  });

  it('that is canceled builds nothing more, and ends with all its waves', async () => {
    const at = campaignStores(redis);
    const { id, batches, jobs } = await at.accepted([1, 2], { bases: [node] });
    expect(await at.campaigns.pause(id)).toBe('ok');
    expect([await at.campaigns.cancel(id), await at.campaigns.cancel(id)]).toEqual(['ok', 'ok']);
    expect(await at.campaigns.pause(id)).toBe('terminal');
    expect(await at.campaigns.resume(id)).toBe('terminal');
    expect((await at.batches.stopping()).toSorted()).toEqual([...batches].toSorted());
    for (const batch of batches) await cancelStopped({ id: batch, batches: at.batches, store: at.store });
    expect(await at.leave(id, 1, 1)).toEqual(['ok', 'ok']);
    expect(await at.leave(id, 2, 2)).toEqual(['ok', 'terminal']);
    expect(await at.campaigns.cancel(id)).toBe('terminal');
    expect(await redis.hlen(at.keys.campaignBases(at.tenant.name))).toBe(0);
    for (const job of jobs.flat()) expect((await at.store.get(job))?.state).toBe('canceled');
    expect(await accountFaults({ redis, keys: at.keys })).toEqual([]);
  });

  it('goes on when a batch of one of its waves was canceled', async () => {
    const at = campaignStores(redis);
    const { id, batches, jobs } = await at.accepted([1, 1, 1]);
    expect(await at.batches.stop(batches[1] ?? '')).toBe('ok');
    await cancelStopped({ id: batches[1] ?? '', batches: at.batches, store: at.store });
    await at.succeed(jobs[0]?.[0] ?? '');
    expect(await at.leave(id, 1, 1)).toEqual(['ok', 'ok']);
    expect(await at.leave(id, 2, 1)).toEqual(['ok', 'ok']);
    expect(at.dispatch.ids).toContain(jobs[2]?.[0]);
  });
});

describe('the acceptance of a campaign', () => {
  it('is refused while another campaign builds the functions of a base image', async () => {
    const at = campaignStores(redis);
    const first = await at.accepted([1], { bases: ['docker.io/library/go:1', node] });
    const refusal = { code: 'campaign_running', message: expect.stringContaining(first.id) };
    await expect(at.campaigns.checkRoom(at.tenant.name, [node])).rejects.toMatchObject(refusal);
    const second = await at.drafted([1]);
    await expect(at.accept(second, { bases: [node] })).rejects.toMatchObject(refusal);
    expect(await at.campaigns.get(second.id)).toBeUndefined();
    await at.accepted([1], { bases: ['docker.io/library/node:20'] });
    await at.succeed(first.jobs[0]?.[0] ?? '');
    expect(await at.leave(first.id, 1, 1)).toEqual(['ok', 'terminal']);
    await at.accept(second, { bases: [node] });
  });

  it('is refused beyond the limit of campaigns', async () => {
    const at = campaignStores(redis);
    for (let made = 0; made < 20; made++) await at.accepted([1]);
    await expect(at.accepted([1])).rejects.toMatchObject({ code: 'campaign_limit' });
    await expect(at.campaigns.checkRoom(at.tenant.name, [])).rejects.toMatchObject({
      code: 'campaign_limit',
    });
    await at.campaigns.checkRoom('other', []);
  });

  it.each([
    [
      'a batch was given up',
      (at: ReturnType<typeof campaignStores>, batch: string) => at.batches.giveUp(batch),
    ],
    [
      'the request was repeated',
      (at: ReturnType<typeof campaignStores>, _batch: string, id: string) => at.campaigns.giveUp(id),
    ],
  ])('is refused when %s', async (_why, before) => {
    const at = campaignStores(redis);
    const made = await at.drafted([1, 1]);
    expect(await before(at, made.batches[1] ?? '', made.id)).toBe(true);
    await expect(at.accept(made)).rejects.toMatchObject({ code: 'batch_closed' });
    expect([await at.campaigns.open(), at.dispatch.ids]).toEqual([[], []]);
  });

  it('is refused without room for its functions', async () => {
    const at = campaignStores(redis);
    await expect(at.accepted([1], { maxStoredBytes: 100 })).rejects.toMatchObject({
      code: 'stored_quota_exceeded',
    });
  });

  it('cannot be taken back', async () => {
    const at = campaignStores(redis);
    const { id } = await at.accepted([1]);
    expect(await at.campaigns.giveUp(id)).toBe(false);
  });
});

describe('a job of a later wave', () => {
  it('holds up no identical job, and is superseded by it', async () => {
    const at = campaignStores(redis);
    const image = (place: number) => `shared-${place}`;
    const { id, jobs } = await at.accepted([1, 1], { image });
    const [own] = jobs[1] ?? [''];
    const person = newId('job');
    await at.store.create(person, at.spec(image(1)), { tenant: at.tenant });
    expect(await redis.hget(at.keys.job(person), 'parked')).toBeNull();
    await at.succeed(person);
    await at.succeed(jobs[0]?.[0] ?? '');
    expect(await at.leave(id, 1, 1)).toEqual(['ok', 'ok']);
    expect(await at.store.admit(own ?? '')).toMatchObject({ outcome: 'terminal' });
    expect(await at.store.get(own ?? '')).toMatchObject({ state: 'canceled', error: { code: 'superseded' } });
  });

  it('waits in the queue from the time when its wave begins', async () => {
    const at = campaignStores(redis);
    const { id, jobs } = await at.accepted([1, 1]);
    const [own = ''] = jobs[1] ?? [];
    await redis.hset(at.keys.job(own), 'queued_at', '1');
    await at.succeed(jobs[0]?.[0] ?? '');
    await at.leave(id, 1, 1);
    expect(Number(await redis.hget(at.keys.job(own), 'queued_at'))).toBeGreaterThan(1);
    // An identical job waits for it now.
    const person = newId('job');
    await at.store.create(person, at.spec(`${id}-1`), { tenant: at.tenant });
    expect(await redis.hget(at.keys.job(person), 'shares')).toBe(own);
  });
});
