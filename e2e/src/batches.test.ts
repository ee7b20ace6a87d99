import { type BatchEvent, type Client, createClient } from '@slipway/client';
import { type Fleet, readStats, setFaults } from '@slipway/simulator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestFleet } from './fleet.js';

const slots = 4;
let fleet: Fleet;
let client: Client;

beforeAll(async () => {
  fleet = await startTestFleet({
    replicas: [{ slots }, { slots }],
    durations: { meanMs: 60, sigma: 0.5 },
    apis: 2,
    env: { worker: { MAX_ATTEMPTS: '1' } },
  });
  client = clientOf(0);
  // Functions with this name fail to build.
  const faults = [{ fault: 'failed' as const, image: 'broken' }];
  await Promise.all(fleet.replicas.map(({ url }) => setFaults(url, faults)));
});
afterAll(() => fleet?.stop());

const clientOf = (api: number) =>
  createClient({ url: fleet.apis[api]?.url ?? '', token: fleet.token, firstDelayMs: 20 });
const items = (name: string, count: number, broken: readonly number[] = []) =>
  Array.from({ length: count }, (_item, at) => ({
    image: `registry.test/${name}/${broken.includes(at) ? 'broken' : 'good'}-${at}:1`,
    function: `${name}-${at}`,
  }));
const submit = (batch: Omit<Parameters<Client['submitBatch']>[0]['batch'], 'defaults'>) =>
  client.submitBatch({ batch: { ...batch, defaults: { source: { digest: fleet.source } } } });
const stats = () => Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
const begunOf = async (name: string) =>
  (await stats()).flatMap(({ images }) =>
    Object.entries(images)
      .filter(([image]) => image.includes(`/${name}/`))
      .map(([, { begun }]) => begun),
  );
const all = async (stream: AsyncIterable<BatchEvent>) => {
  const events: BatchEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
};

describe('a batch', () => {
  test('builds each of its functions once, and its event stream has every change in order', async () => {
    const { id } = await submit({ items: items('whole', 60, [7]) });
    const events = await all(client.followBatch({ id }));
    const batch = await client.getBatch({ id });
    expect(batch).toMatchObject({ state: 'finished', counts: { succeeded: 59, failed: 1 } });
    expect(await begunOf('whole')).toEqual(Array(60).fill(1));
    const states = new Map<string, string[]>();
    for (const event of events) {
      if (event.type !== 'job') continue;
      states.set(event.job.id, [...(states.get(event.job.id) ?? []), event.job.state]);
    }
    const ways = [...states.values()].map((way) => way.join(' '));
    expect(ways.toSorted()).toEqual([
      'queued running failed',
      ...Array<string>(59).fill('queued running succeeded'),
    ]);
    expect(events.at(-1)).toEqual({ type: 'batch.finished', batch });
  });

  test('can be followed from the last seen event, also at another API', async () => {
    const { id } = await submit({ items: items('resumed', 30) });
    const seen: string[] = [];
    let position: string | undefined;
    for await (const event of client.followBatch({ id })) {
      if (event.type !== 'job') continue;
      seen.push(`${event.job.id} ${event.job.version}`);
      position = event.position;
      if (event.job.state === 'succeeded') break;
    }
    if (position === undefined) throw new Error('an event without a position');
    for (const event of await all(clientOf(1).followBatch({ id, after: position }))) {
      if (event.type === 'job') seen.push(`${event.job.id} ${event.job.version}`);
    }
    expect(new Set(seen).size).toBe(90);
    expect(seen).toHaveLength(90);
  });

  test('never runs more jobs at once than its limit', async () => {
    const { id } = await submit({ items: items('capped', 20), max_running: 3 });
    let most = 0;
    const running = new Set<string>();
    for await (const event of client.followBatch({ id })) {
      if (event.type !== 'job') continue;
      if (event.job.state === 'running') running.add(event.job.id);
      else running.delete(event.job.id);
      most = Math.max(most, running.size);
    }
    expect(most).toBeLessThanOrEqual(3);
    expect((await client.getBatch({ id })).counts.succeeded).toBe(20);
  });

  test('ends at once when it is canceled half-way, and builds nothing more', async () => {
    const { id } = await submit({ items: items('canceled', 200) });
    let ended = 0;
    for await (const event of client.followBatch({ id })) {
      if (event.type === 'job' && event.job.state === 'succeeded' && ++ended === 20) break;
    }
    expect((await client.cancelBatch({ id })).state).toBe('stopping');
    const { counts } = await client.waitForBatch({ id });
    expect(counts.succeeded + counts.canceled).toBe(200);
    expect(counts.succeeded).toBeGreaterThanOrEqual(20);
    expect(counts.canceled).toBeGreaterThan(100);
    const begun = (await begunOf('canceled')).length;
    // The next submission finds an empty queue, so no job of the batch runs any more.
    const next = await submit({ items: items('afterwards', 20) });
    expect((await client.waitForBatch({ id: next.id })).counts.succeeded).toBe(20);
    expect((await begunOf('canceled')).length).toBe(begun);
    await expect(client.cancelBatch({ id })).rejects.toMatchObject({ code: 'batch_not_cancelable' });
  });

  test('with on_failure stop starts no job after a failure; a retry repeats the jobs that did not succeed', async () => {
    const { id } = await submit({ items: items('stopped', 40, [0]), on_failure: 'stop', max_running: 2 });
    const { counts } = await client.waitForBatch({ id });
    expect(counts.failed).toBe(1);
    expect(counts.canceled).toBeGreaterThan(0);
    const { jobs } = await client.listBatchJobs({ id, query: { state: 'canceled', limit: 200 } });
    expect(new Set(jobs.map(({ error }) => error?.code))).toEqual(new Set(['batch_stopped']));

    await Promise.all(fleet.replicas.map(({ url }) => setFaults(url, [])));
    const again = await client.retryBatch({ id });
    expect(again).toMatchObject({ total: counts.failed + counts.canceled, retry_of: id });
    expect((await client.waitForBatch({ id: again.id })).counts.succeeded).toBe(again.total);
  });

  test('without changes builds nothing again', async () => {
    const batch = { items: items('unchanged', 30) };
    await client.waitForBatch({ id: (await submit(batch)).id });
    const defaults = { source: { digest: fleet.source }, skip_if_unchanged: true };
    const again = await client.submitBatch({ batch: { ...batch, defaults } });
    expect(again).toMatchObject({ state: 'finished', counts: { succeeded: 30 } });
    expect(await begunOf('unchanged')).toEqual(Array(30).fill(1));
    const { jobs } = await client.listBatchJobs({ id: again.id });
    expect(new Set(jobs.map(({ result }) => result?.cached))).toEqual(new Set([true]));
  });
});
