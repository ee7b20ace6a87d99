import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { JobStore } from '@slipway/control-plane/jobs';
import type { Batch, Job } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
let redis: Redis;
/** Ends a job by hand, as a worker does. */
let worker: JobStore;

beforeAll(async () => {
  api = await startApi(inject('redisUrl'), { maxQueuedJobs: 5_000 });
  redis = new Redis(inject('redisUrl'));
  worker = new JobStore({ redis, keys: redisKeys(api.prefix) });
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});

const others = { authorization: 'Bearer other-token' };

interface SseEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** An open stream: the events so far, and a function that closes it. */
async function follow({ after, headers = {} }: { after?: string | undefined; headers?: object } = {}) {
  const answer = await api.call('/v1/events', {
    headers: { ...headers, ...(after !== undefined && { 'last-event-id': after }) },
  });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
  ]);
  const events: SseEvent[] = [];
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const reading = (async () => {
    const decoder = new TextDecoder();
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += decoder.decode(read.value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() as string;
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        events.push({ id: field('id'), event: field('event') ?? '', data: JSON.parse(field('data') ?? '') });
      }
    }
  })();
  await expect.poll(() => events[0]?.event).toBe('ready');
  return {
    events,
    async leave() {
      await reader.cancel();
      await reading;
    },
  };
}

/** Submits a batch of that many jobs, each with an image that no other test uses. */
async function submit(count: number, headers = {}): Promise<{ batch: Batch; jobs: Job[] }> {
  const body = archive([{ path: 'Dockerfile', text: 'FROM scratch\n' }]);
  const type = { 'content-type': 'application/x-tar' };
  const uploaded = await api.call('/v1/sources', { method: 'POST', headers: { ...headers, ...type }, body });
  const { digest } = (await uploaded.json()) as { digest: string };
  const name = randomUUID();
  const items = Array.from({ length: count }, (_item, at) => ({ image: `r.example/${name}/${at}:1` }));
  const answer = await api.call('/v1/batches', {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ defaults: { source: { digest } }, items }),
  });
  expect(answer.status).toBe(202);
  const batch = (await answer.json()) as Batch;
  const page = await api.call(`/v1/batches/${batch.id}/jobs?limit=200`, { headers });
  return { batch, jobs: ((await page.json()) as { jobs: Job[] }).jobs };
}

async function build({ id }: Job): Promise<void> {
  const token = randomUUID();
  await worker.start(id, { token, worker: 'w', replica: 'http://b', takesSuspects: true });
  const result = { image: 'x', digest: `sha256:${'d'.repeat(64)}`, duration_ms: 5 };
  await worker.finish(id, token, { state: 'succeeded', result });
}

it('reports jobs and batches as they change, from now on, and resumes after a client stopped', async () => {
  await submit(1);
  const first = await follow();
  const { batch, jobs } = await submit(1);
  const [job] = jobs as [Job];
  await expect.poll(() => first.events.length).toBe(2);
  expect(first.events[1]).toMatchObject({
    event: 'job',
    data: { id: job.id, batch: batch.id, state: 'queued', image: job.image },
  });
  await first.leave();
  await build(job);
  const second = await follow({ after: first.events[1]?.id });
  await expect.poll(() => second.events.at(-1)?.event).toBe('batch.finished');
  expect(second.events.slice(1).map(({ event, data }) => [event, data.id, data.state])).toEqual([
    ['job', job.id, 'running'],
    ['job', job.id, 'succeeded'],
    ['batch.finished', batch.id, 'finished'],
  ]);
  await second.leave();
});

it('reports nothing of another tenant, and builders only to a token that may see them', async () => {
  const own = await follow();
  const other = await follow({ headers: others });
  const keys = redisKeys(api.prefix);
  const fields = ['type', 'builder.circuit_opened', 'replica', 'http://b:1', 'at', `${Date.now()}`];
  const position = await redis.xadd(keys.events, '*', ...fields);
  await redis.publish(keys.builderChannel, [position, ...fields].join('\n'));
  const { jobs } = await submit(1);
  const theirs = await submit(1, others);
  await expect.poll(() => own.events.map(({ event }) => event)).toEqual(['ready', 'builder', 'job']);
  await expect.poll(() => other.events.map(({ event }) => event)).toEqual(['ready', 'job']);
  expect(own.events[1]?.data).toMatchObject({ url: 'http://b:1', circuit: 'open' });
  expect(own.events[2]?.data.id).toBe(jobs[0]?.id);
  expect(other.events[1]?.data.id).toBe(theirs.jobs[0]?.id);
  await Promise.all([own.leave(), other.leave()]);
});

it('reports all events of a burst, and reports a reset when events were removed unread', async () => {
  const stream = await follow();
  await submit(1_200);
  await expect.poll(() => stream.events.length).toBe(1_201);
  expect(new Set(stream.events.map(({ data }) => data.id)).size).toBe(1_201);
  const before = stream.events[3]?.id as string;
  await stream.leave();
  await redis.xtrim(redisKeys(api.prefix).events, 'MAXLEN', 10);
  const late = await follow({ after: before });
  await expect.poll(() => late.events.length).toBe(12);
  expect(late.events[1]?.event).toBe('reset');
  await late.leave();
});

it('refuses an invalid position, and more than a hundred streams of one tenant', async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => warnings.push(name);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const wrong = await api.call('/v1/events', { headers: { 'last-event-id': 'x' } });
  expect([wrong.status, await wrong.json()]).toMatchObject([422, { code: 'request_invalid' }]);
  const streams = await Promise.all(Array.from({ length: 100 }, () => follow({ headers: others })));
  const refused = await api.call('/v1/events', { headers: others });
  expect([refused.status, await refused.json()]).toMatchObject([429, { code: 'rate_limited' }]);
  await Promise.all(streams.map((stream) => stream.leave()));
  // A closed stream makes room, as soon as the server notices.
  while (true) {
    const again = await api.call('/v1/events', { headers: others });
    await again.body?.cancel();
    if (again.ok) break;
    await sleep(20);
  }
  expect(warnings).toEqual([]);
});
