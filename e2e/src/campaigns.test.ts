import { type Campaign, type Client, createClient } from '@slipway/client';
import { type Fleet, readStats, setFaults } from '@slipway/simulator';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startTestFleet } from './fleet.js';

let fleet: Fleet;
let client: Client;

beforeAll(async () => {
  fleet = await startTestFleet({
    replicas: [{ slots: 4 }, { slots: 4 }],
    durations: { meanMs: 60, sigma: 0.5 },
    workers: 2,
    env: { worker: { MAX_ATTEMPTS: '1' } },
  });
  client = createClient({ url: fleet.apis[0]?.url ?? '', token: fleet.token, firstDelayMs: 20 });
});
afterAll(() => fleet?.stop());
afterEach(() => setBroken());

/** Lets the builds of images with this name fail, or none. */
const setBroken = (image?: string) =>
  Promise.all(
    fleet.replicas.map(({ url }) =>
      setFaults(url, image === undefined ? [] : [{ fault: 'failed' as const, image }]),
    ),
  );
/** Builds functions once. Returns their namespace. */
const functions = async (namespace: string, count: number): Promise<string> => {
  const { id } = await client.submitBatch({
    batch: {
      defaults: { source: { digest: fleet.source } },
      items: Array.from({ length: count }, (_, at) => {
        const name = `f-${String(at).padStart(2, '0')}`;
        return { image: `registry.test/${namespace}/${name}:1`, function: `${namespace}/${name}` };
      }),
    },
  });
  expect((await client.waitForBatch({ id })).counts.succeeded).toBe(count);
  return namespace;
};
const start = async (namespace: string, options: object = {}) => {
  const rebuild = { select: { namespace }, waves: { canary: 5, size: '50%' }, ...options };
  return (await client.startCampaign({ rebuild })).campaign;
};
const until = async (id: string, state: Campaign['state']): Promise<Campaign> => {
  await expect.poll(async () => (await client.getCampaign({ id })).state).toBe(state);
  return await client.getCampaign({ id });
};
const inState = async (id: string, state: 'failed' | 'canceled' | 'changed' | 'unchanged' | 'waiting') =>
  (await client.listCampaignFunctions({ id, query: { state, limit: 200 } })).functions;
const begunIn = async (namespace: string) => {
  const all = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
  const images = all.flatMap(({ images: own }) => Object.entries(own));
  const mine = images.filter(([image]) => image.includes(`/${namespace}/`));
  return mine.reduce((sum, [, { begun }]) => sum + begun, 0);
};

describe('a campaign', () => {
  test('builds 20 functions in 3 waves, one after the other, each function once', async () => {
    const namespace = await functions('whole', 20);
    const { id, waves } = await start(namespace);
    expect(waves.map(({ total }) => total)).toEqual([5, 10, 5]);
    const ended = await until(id, 'finished');
    expect(ended).toMatchObject({ total: 20, wave: 3, canceled: false });
    const { changed, unchanged, unknown } = ended.comparison;
    expect(changed + unchanged + unknown).toBe(20);
    expect(await begunIn(namespace)).toBe(40);
    const times = await Promise.all(
      ended.waves.map(async ({ batch }) => {
        const { jobs } = await client.listBatchJobs({ id: batch, query: { limit: 200 } });
        const ms = (at: string | undefined) => Date.parse(at ?? '');
        return [
          Math.min(...jobs.map((job) => ms(job.started_at))),
          Math.max(...jobs.map((job) => ms(job.finished_at))),
        ] as const;
      }),
    );
    for (const [at, [begun]] of times.slice(1).entries()) {
      expect(begun).toBeGreaterThanOrEqual(times[at]?.[1] ?? Number.NaN);
    }
    const listed = [...(await inState(id, 'changed')), ...(await inState(id, 'unchanged'))];
    expect(listed).toHaveLength(changed + unchanged);
  });

  test('stops at a wave with failures, goes on after a resume, and is repeated for what failed', async () => {
    const namespace = await functions('broken', 20);
    await setBroken(`${namespace}/f-0`);
    const { id } = await start(namespace, { max_failures: 2, max_running: 2 });
    const paused = await until(id, 'paused');
    expect(paused).toMatchObject({ paused_by: 'max_failures', wave: 1 });
    await expect.poll(async () => (await client.getCampaign({ id })).waves[0]?.counts?.running).toBe(0);
    const failed = (await inState(id, 'failed')).length;
    expect(failed).toBeGreaterThan(2);
    expect(await inState(id, 'waiting')).toHaveLength(20 - failed);
    await setBroken();
    expect((await client.resumeCampaign({ id })).state).toBe('running');
    const ended = await until(id, 'finished');
    expect(ended.comparison).toMatchObject({ failed, canceled: 0 });
    const again = await client.retryCampaign({ id });
    expect(again).toMatchObject({ total: failed, retry_of: id });
    expect((await until(again.id, 'finished')).comparison.failed).toBe(0);
    await expect(client.retryCampaign({ id: again.id })).rejects.toMatchObject({
      code: 'campaign_not_retryable',
    });
  });

  test('starts no job while it is paused, and ends when it is canceled', async () => {
    const namespace = await functions('held', 20);
    const { id } = await start(namespace, { waves: { canary: 1, size: '100%' }, max_running: 2 });
    await expect.poll(async () => (await client.getCampaign({ id })).wave).toBe(2);
    expect(await client.pauseCampaign({ id })).toMatchObject({ state: 'paused', paused_by: 'request' });
    await expect.poll(async () => (await client.getCampaign({ id })).waves[1]?.counts?.running).toBe(0);
    const begun = await begunIn(namespace);
    // A job of another batch runs meanwhile, so the fleet is free.
    await functions('others', 10);
    expect(await begunIn(namespace)).toBe(begun);
    await client.resumeCampaign({ id });
    await expect.poll(() => begunIn(namespace)).toBeGreaterThan(begun);
    await client.cancelCampaign({ id });
    const ended = await until(id, 'finished');
    const { changed, unchanged, unknown, failed, canceled } = ended.comparison;
    expect([changed + unchanged + unknown + canceled, failed, ended.canceled]).toEqual([20, 0, true]);
  });

  test('begins each wave once when the leading worker is killed', async () => {
    const namespace = await functions('killed', 20);
    const { id } = await start(namespace, { waves: { size: '10%' } });
    await expect.poll(async () => (await client.getCampaign({ id })).wave).toBeGreaterThan(2);
    for (const worker of fleet.workers) {
      worker.kill('SIGKILL');
      await worker.ended();
      const { wave } = await client.getCampaign({ id });
      await worker.start();
      // The last wave may begin before this worker is back.
      if (wave < 8)
        await expect.poll(async () => (await client.getCampaign({ id })).wave).toBeGreaterThan(wave);
    }
    const ended = await until(id, 'finished');
    expect(ended.waves.map(({ total, counts }) => [total, counts?.succeeded])).toEqual(
      Array(10).fill([2, 2]),
    );
    expect(ended.comparison).toMatchObject({ failed: 0, canceled: 0 });
  });
});
