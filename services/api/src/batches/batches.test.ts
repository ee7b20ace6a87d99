import { randomUUID } from 'node:crypto';
import { BatchStore, JobStore } from '@slipway/control-plane/jobs';
import type { Batch, Job } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
let redis: Redis;
let digest: string;
/** Ends a job by hand, as a worker does. */
let worker: JobStore;
let batches: BatchStore;

beforeAll(async () => {
  api = await startApi(inject('redisUrl'), { maxQueuedJobs: 2_000 });
  redis = new Redis(inject('redisUrl'));
  const keys = redisKeys(api.prefix);
  worker = new JobStore({ redis, keys });
  batches = new BatchStore({ redis, keys });
  const body = archive([{ path: 'Dockerfile', text: 'FROM scratch\n' }]);
  const uploaded = await api.call('/v1/sources', {
    method: 'POST',
    headers: { 'content-type': 'application/x-tar' },
    body,
  });
  ({ digest } = await json<{ digest: string }>(uploaded));
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});

interface SaidProblem {
  readonly code: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}
const json = async <T>(answer: Response): Promise<T> => (await answer.json()) as T;
const said = async (answer: Response) => [answer.status, (await json<SaidProblem>(answer)).code];
/** Images that no other test uses: identical jobs would share their builds. */
const items = (count: number, changes: object = {}) => {
  const name = randomUUID();
  return Array.from({ length: count }, (_item, at) => ({ image: `r.example/${name}/${at}:1`, ...changes }));
};
const submit = (body: object) => api.post('/v1/batches', { defaults: { source: { digest } }, ...body });
const submitted = async (body: object): Promise<Batch> => {
  const answer = await submit(body);
  expect([answer.status, answer.status === 202 ? '' : await answer.text()]).toEqual([202, '']);
  return await json(answer);
};
const get = async (id: string, query = '') => json<Batch>(await api.call(`/v1/batches/${id}${query}`));
const jobsOf = async (id: string, query = '') =>
  (await json<{ jobs: Job[] }>(await api.call(`/v1/batches/${id}/jobs?limit=200${query}`))).jobs.reverse();
const result = { image: 'x', digest: `sha256:${'d'.repeat(64)}`, duration_ms: 5 };
const begin = async (id: string): Promise<string> => {
  const token = randomUUID();
  const reply = await worker.start(id, { token, worker: 'w', replica: 'http://b', takesSuspects: true });
  expect(reply.outcome).toBe('started');
  return token;
};
const succeed = async (id: string) => worker.finish(id, await begin(id), { state: 'succeeded', result });
const fail = async (id: string) =>
  worker.finish(id, await begin(id), {
    state: 'failed',
    error: { code: 'build_failed', detail: 'step 2', log_tail: [] },
  });
const endedOf = async (id: string) => await get(id, '?wait=30');

describe('POST /v1/batches', () => {
  it('lays the defaults under the items, merges arguments and labels, and accepts all of them', async () => {
    const [first, second] = items(2) as [{ image: string }, { image: string }];
    const answer = await submit({
      labels: { run: '7' },
      max_running: 5,
      callback: { url: 'https://ci.example/hook' },
      defaults: {
        source: { digest },
        build_args: { A: '1', B: '1' },
        labels: { all: 'yes' },
        priority: 'low',
      },
      items: [
        { ...first, function: 'one', build_args: { B: '2' } },
        { ...second, priority: 'high', labels: { own: 'x' } },
      ],
    });
    expect(answer.status).toBe(202);
    const batch = await json<Batch>(answer);
    expect(answer.headers.get('location')).toBe(`/v1/batches/${batch.id}`);
    expect(batch).toMatchObject({
      state: 'running',
      total: 2,
      counts: { queued: 2, running: 0, succeeded: 0, failed: 0, canceled: 0 },
      on_failure: 'continue',
      max_running: 5,
      labels: { run: '7' },
      callback: { url: 'https://ci.example/hook' },
    });
    expect(await jobsOf(batch.id)).toMatchObject([
      {
        function: 'openfaas-fn/one',
        build_args: { A: '1', B: '2' },
        labels: { all: 'yes' },
        priority: 'low',
        batch: batch.id,
      },
      { build_args: { A: '1', B: '1' }, labels: { all: 'yes', own: 'x' }, priority: 'high', batch: batch.id },
    ]);
  });

  it('lists the errors of each item, a hundred at most, and accepts none', async () => {
    const before = await worker.count('queued');
    const wrong = items(150, { image: 'Not An Image' });
    const bad = [{ ...items(1)[0], source: { digest: `sha256:${'0'.repeat(64)}` } }];
    const answer = await submit({ items: [...items(2), { image: 'x:1', colour: 'red' }, ...wrong] });
    const problem = await json<SaidProblem>(answer);
    expect([answer.status, problem.code, problem.errors?.length]).toEqual([422, 'batch_invalid', 100]);
    expect(problem.errors?.slice(0, 2).map(({ path }) => path)).toEqual([
      '/items/2/colour',
      '/items/3/image',
    ]);
    const unknown = await json<SaidProblem>(await submit({ items: [...items(1), ...bad] }));
    expect([unknown.code, unknown.errors?.map(({ path }) => path)]).toEqual([
      'batch_invalid',
      ['/items/1/source/digest'],
    ]);
    expect(await worker.count('queued')).toBe(before);
  });

  it('is refused as a whole when the queue has no room for all of it', async () => {
    const before = await worker.count('queued');
    expect(await said(await submit({ items: items(2_001) }))).toEqual([429, 'queue_full']);
    expect(await worker.count('queued')).toBe(before);
  });

  it('accepts a body of more than a mebibyte, and refuses more than 32', async () => {
    const pad = 'x'.repeat(30_000);
    const plan = await submit({ dry_run: true, items: items(100, { build_args: { PAD: pad } }) });
    expect([plan.status, (await json<{ total: number }>(plan)).total]).toEqual([200, 100]);
    expect(await said(await submit({ items: items(1_200, { build_args: { PAD: pad } }) }))).toEqual([
      413,
      'body_too_large',
    ]);
  });

  it('returns the plan for a dry run, and builds nothing', async () => {
    const before = await worker.count('queued');
    const [item] = items(1, { function: 'ns/dry' });
    const answer = await submit({ dry_run: true, items: [item] });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { total: 1, items: [{ image: item?.image, function: 'ns/dry', source: digest }] },
    ]);
    expect(await worker.count('queued')).toBe(before);
  });

  it('starts no build when it is canceled before it is accepted', async () => {
    const id = `batch_${'0'.repeat(26)}`;
    const tenant = { name: 'default', weight: 1 };
    await batches.open(id, { tenant, total: 2, options: { on_failure: 'continue', labels: {} } });
    expect(await batches.giveUp(id)).toBe(true);
    expect((await get(id)).state).toBe('finished');
    const listed = await json<{ batches: Batch[] }>(await api.call('/v1/batches?limit=200'));
    expect(listed.batches.map((batch) => batch.id)).not.toContain(id);
  });
});

describe('a batch', () => {
  it('is counted, waited for, and its jobs listed by state', async () => {
    const { id } = await submitted({ items: items(3) });
    const [a, b, c] = (await jobsOf(id)) as [Job, Job, Job];
    const waiting = endedOf(id);
    await succeed(a.id);
    await fail(b.id);
    expect(await get(id)).toMatchObject({ state: 'running', counts: { queued: 1, succeeded: 1, failed: 1 } });
    // The clock of the API may be some milliseconds behind.
    await expect.poll(() => get(id)).toHaveProperty('estimated_end_at');
    expect((await jobsOf(id, '&state=failed')).map((job) => job.id)).toEqual([b.id]);
    await succeed(c.id);
    const ended = await waiting;
    expect(ended).toMatchObject({ state: 'finished', counts: { queued: 0, succeeded: 2, failed: 1 } });
    expect(ended).toHaveProperty('jobs_per_minute');
    expect(ended).not.toHaveProperty('estimated_end_at');
  });

  it('filters the list of jobs, together with other filters and page by page', async () => {
    const [marked] = items(1, { labels: { marked: 'yes' } });
    const both = [...items(3), marked];
    const { id } = await submitted({ items: both });
    // A job of another batch, which matches the other filters.
    await submitted({ items: both.map((item) => ({ ...item, force: true })) });
    type Page = { jobs: Job[]; next_cursor?: string };
    const list = async (query: string) => json<Page>(await api.call(`/v1/jobs?batch=${id}${query}`));
    const all = (await list('')).jobs;
    expect(all).toEqual((await jobsOf(id)).reverse());
    expect([all.length, new Set(all.map(({ batch }) => batch))]).toEqual([4, new Set([id])]);
    expect((await list('&label=marked=yes')).jobs.map(({ image }) => image)).toEqual([marked?.image]);
    expect((await list('&state=failed')).jobs).toEqual([]);
    const first = await list('&limit=3');
    const rest = await list(`&limit=3&cursor=${first.next_cursor}`);
    expect([first.jobs, rest.jobs, rest.next_cursor]).toEqual([all.slice(0, 3), all.slice(3), undefined]);
  });

  it('is listed for its tenant, newest first, page by page', async () => {
    const first = await submitted({ items: items(1) });
    const second = await submitted({ items: items(1) });
    const page = await json<{ batches: Batch[]; next_cursor: string }>(await api.call('/v1/batches?limit=1'));
    expect(page.batches.map(({ id }) => id)).toEqual([second.id]);
    const next = await json<{ batches: Batch[] }>(
      await api.call(`/v1/batches?limit=1&cursor=${page.next_cursor}`),
    );
    expect(next.batches.map(({ id }) => id)).toEqual([first.id]);
  });

  it('does not exist for another tenant, in any request', async () => {
    const { id } = await submitted({ items: items(1) });
    const headers = { authorization: 'Bearer other-token', 'content-type': 'application/json' };
    const asked = [
      ['GET', ''],
      ['GET', '/jobs'],
      ['GET', '/events'],
      ['POST', '/cancel'],
      ['POST', '/retry'],
    ] as const;
    for (const [method, rest] of asked) {
      const body = method === 'POST' ? { body: '{}' } : {};
      expect(await said(await api.call(`/v1/batches/${id}${rest}`, { method, headers, ...body }))).toEqual([
        404,
        'not_found',
      ]);
    }
    const [job] = await jobsOf(id);
    expect((await api.call(`/v1/jobs/${job?.id}/retry`, { method: 'POST', headers })).status).toBe(404);
    expect(await json(await api.call('/v1/batches', { headers }))).toEqual({ batches: [] });
  });

  it('is canceled: waiting jobs at once, running jobs by their worker', async () => {
    const { id } = await submitted({ items: items(30) });
    const [first] = (await jobsOf(id)) as [Job];
    const token = await begin(first.id);
    const answer = await api.call(`/v1/batches/${id}/cancel`, { method: 'POST' });
    expect([answer.status, (await json<Batch>(answer)).state]).toEqual([202, 'stopping']);
    await expect.poll(async () => (await get(id)).counts).toMatchObject({ canceled: 29, running: 1 });
    await expect.poll(async () => (await worker.get(first.id))?.cancelRequested).toBe(true);
    await worker.finish(first.id, token, {
      state: 'canceled',
      error: { code: 'canceled', detail: '', log_tail: [] },
    });
    expect(await endedOf(id)).toMatchObject({ state: 'finished', counts: { canceled: 30 } });
    expect(await said(await api.call(`/v1/batches/${id}/cancel`, { method: 'POST' }))).toEqual([
      409,
      'batch_not_cancelable',
    ]);
  });

  it('is repeated: failed jobs or all, as a new batch that names the old one', async () => {
    const { id } = await submitted({ labels: { run: '8' }, items: items(3, { labels: { x: 'y' } }) });
    const retry = (which: string, of = id) => api.post(`/v1/batches/${of}/retry`, { which });
    expect(await said(await retry('failed'))).toEqual([409, 'batch_not_retryable']);
    const [a, b, c] = (await jobsOf(id)) as [Job, Job, Job];
    await succeed(a.id);
    await fail(b.id);
    await worker.cancel(c.id);
    const again = await json<Batch>(await retry('failed'));
    expect(again).toMatchObject({ total: 2, retry_of: id, labels: { run: '8' } });
    const jobs = await jobsOf(again.id);
    expect(jobs).toMatchObject([
      { image: b.image, labels: { x: 'y' }, state: 'queued' },
      { image: c.image, state: 'queued' },
    ]);
    for (const job of jobs) await succeed(job.id);
    expect(await said(await retry('failed', again.id))).toEqual([409, 'batch_not_retryable']);
    expect(await json<Batch>(await retry('all', again.id))).toMatchObject({ total: 2, retry_of: again.id });
  });
});

describe('POST /v1/jobs/{id}/retry', () => {
  it('becomes a new job with the same spec and callback secret, once it has ended', async () => {
    const secret = `whsec_${'QUJD'.repeat(8)}`;
    const [item] = items(1, { callback: { url: 'https://ci.example/hook', secret } });
    const job = await json<Job>(await api.post('/v1/jobs', { ...item, source: { digest } }));
    const retry = () => api.call(`/v1/jobs/${job.id}/retry`, { method: 'POST' });
    expect(await said(await retry())).toEqual([409, 'job_not_retryable']);
    await fail(job.id);
    const answer = await retry();
    const again = await json<Job>(answer);
    expect([answer.status, again.image, again.state]).toEqual([202, job.image, 'queued']);
    expect(again.id).not.toBe(job.id);
    const sealed = (await worker.get(again.id))?.sealedCallbackSecret;
    expect(sealed).toBeDefined();
    expect(sealed).not.toBe((await worker.get(job.id))?.sealedCallbackSecret);
  });
});

interface SseEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Returns server-sent events once there are `enough` of them. */
async function eventsOf(id: string, enough: (events: SseEvent[]) => boolean, after?: string) {
  const abort = new AbortController();
  const answer = await api.call(`/v1/batches/${id}/events`, {
    headers: after === undefined ? {} : { 'last-event-id': after },
    signal: abort.signal,
  });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  const events: SseEvent[] = [];
  let text = '';
  for await (const chunk of (answer.body as ReadableStream<Uint8Array>).pipeThrough(
    new TextDecoderStream(),
  )) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() as string;
    for (const block of blocks.filter((each) => !each.startsWith(':'))) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      events.push({ id: field('id'), event: field('event') ?? '', data: JSON.parse(field('data') ?? '{}') });
    }
    if (enough(events)) break;
  }
  abort.abort();
  return events;
}

describe('GET /v1/batches/{id}/events', () => {
  it('reports every change and the end, and resumes after a client stopped', async () => {
    const { id } = await submitted({ items: items(2) });
    const [a, b] = (await jobsOf(id)) as [Job, Job];
    const first = await eventsOf(id, (events) => events.length >= 3);
    expect(first[0]).toMatchObject({ event: 'batch', data: { id, total: 2 } });
    expect(first.slice(1).map(({ event, data }) => [event, data.id, data.state])).toEqual([
      ['job', a.id, 'queued'],
      ['job', b.id, 'queued'],
    ]);
    const following = eventsOf(id, () => false, first.at(-1)?.id);
    await succeed(a.id);
    await fail(b.id);
    const rest = await following;
    const jobs = rest.filter(({ event }) => event === 'job').map(({ data }) => data);
    expect(jobs).toMatchObject([
      { id: a.id, state: 'running' },
      { id: a.id, state: 'succeeded', digest: result.digest, image: a.image },
      { id: b.id, state: 'running' },
      { id: b.id, state: 'failed', code: 'build_failed' },
    ]);
    const last = rest.at(-1);
    expect(last).toMatchObject({
      event: 'batch.finished',
      data: { state: 'finished', counts: { succeeded: 1, failed: 1 } },
    });
    const nothingMore = await eventsOf(id, () => false, last?.id);
    expect(nothingMore.filter(({ event }) => event === 'job')).toEqual([]);
    expect(nothingMore.at(-1)?.event).toBe('batch.finished');
  });

  it('refuses an invalid position', async () => {
    const { id } = await submitted({ items: items(1) });
    const answer = await api.call(`/v1/batches/${id}/events`, { headers: { 'last-event-id': 'x' } });
    expect(await said(answer)).toEqual([422, 'request_invalid']);
  });
});
