import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { Job } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { dockerfile, json, problem, requestsTo } from '../testing/requests.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi(inject('redisUrl'));
});
afterAll(() => api.stop());
const { submitted } = requestsTo(() => api);

interface Page {
  readonly jobs: readonly Job[];
  readonly next_cursor?: string;
}

describe('a job', () => {
  it('is accepted with its Location, and is shown as queued', async () => {
    const job = await submitted({ function: 'hello', build_args: { A: '1' }, labels: { team: 'x' } });
    expect(job).toMatchObject({
      state: 'queued',
      function: 'openfaas-fn/hello',
      build_args: { A: '1' },
      push: true,
      attempts: [],
      cancel_requested: false,
    });
    const shown = await api.call(`/v1/jobs/${job.id}`);
    const etag = shown.headers.get('etag') ?? '';
    expect(await shown.json()).toEqual(job);
    expect(
      (
        await api.call(`/v1/jobs/${job.id}`, {
          headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
        })
      ).status,
    ).toBe(304);
  });

  it.each([
    ['no JSON', '{"image":', [400, 'json_invalid']],
    ['no object', '[]', [422, 'request_invalid', ['']]],
    [
      'unknown fields',
      { imge: 'x', image: 'x', source: { digest: `sha256:${'0'.repeat(64)}` } },
      [422, 'request_invalid', ['/imge']],
    ],
    [
      'an image outside the grammar',
      { image: 'Not An Image', source: { digest: `sha256:${'0'.repeat(64)}` } },
      [422, 'image_invalid', ['/image']],
    ],
    [
      'an unknown source',
      { image: 'x', source: { digest: `sha256:${'0'.repeat(64)}` } },
      [422, 'source_not_found', ['/source/digest']],
    ],
    ['no source', { image: 'x' }, [422, 'request_invalid', ['/source']]],
    ['a body too large', { image: 'x'.repeat(2_000_000) }, [413, 'body_too_large']],
  ])('is refused with %s', async (_what, body, expected) => {
    const before = await (await api.call('/v1/jobs')).json();
    expect(await problem(await api.post('/v1/jobs', body))).toEqual(expected);
    expect(await (await api.call('/v1/jobs')).json()).toEqual(before);
  });

  it('must be JSON', async () => {
    const answer = await api.call('/v1/jobs', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'text/plain' },
    });
    expect(await problem(answer)).toEqual([415, 'media_type_unsupported']);
  });

  it('ends a waiting poll when it ends', async () => {
    const job = await submitted();
    const waiting = api.call(`/v1/jobs/${job.id}?wait=30`);
    const canceled = await api.post(`/v1/jobs/${job.id}/cancel`, {});
    expect([canceled.status, (await json<Job>(canceled)).state]).toEqual([200, 'canceled']);
    expect(await (await waiting).json()).toMatchObject({ state: 'canceled', error: { code: 'canceled' } });
    expect((await api.post(`/v1/jobs/${job.id}/cancel`, {})).status).toBe(200);
  });

  it('is listed by its filters, and by page', async () => {
    const label = `list-${Date.now()}`;
    const ids: string[] = [];
    for (let at = 0; at < 5; at++) ids.unshift((await submitted({ labels: { label } })).id);
    const first = await json<Page>(await api.call(`/v1/jobs?label=label=${label}&limit=3`));
    expect(first.jobs.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    const rest = await json<Page>(
      await api.call(`/v1/jobs?label=label=${label}&limit=3&cursor=${first.next_cursor}`),
    );
    expect(rest.jobs.map(({ id }) => id)).toEqual(ids.slice(3));
    expect(rest.next_cursor).toBeUndefined();
    for (const query of [
      'state=done',
      'limit=0',
      'image=UPPER',
      'label=x',
      'batch=x',
      'nonsense=1',
      'cursor=1',
    ]) {
      expect((await problem(await api.call(`/v1/jobs?${query}`))).slice(0, 2), query).toEqual([
        422,
        'request_invalid',
      ]);
    }
  });

  it('is refused when the limit of waiting jobs is reached', async () => {
    const small = await startApi(inject('redisUrl'), { maxQueuedJobs: 1 });
    try {
      const source = await small.call('/v1/sources', { method: 'POST', body: archive([dockerfile]) });
      const spec = { image: 'x', source: { digest: (await json<{ digest: string }>(source)).digest } };
      expect((await small.post('/v1/jobs', spec)).status).toBe(202);
      const refused = await small.post('/v1/jobs', spec);
      expect(refused.headers.get('retry-after')).toBe('30');
      expect(await problem(refused)).toEqual([429, 'queue_full']);
    } finally {
      await small.stop();
    }
  });
});

describe("another tenant's token", () => {
  const other = { authorization: 'Bearer other-token' };

  it('neither sees nor changes a job of another tenant', async () => {
    const job = await submitted();
    for (const [path, method] of [
      [`/v1/jobs/${job.id}`, 'GET'],
      [`/v1/jobs/${job.id}/logs`, 'GET'],
      [`/v1/jobs/${job.id}/cancel`, 'POST'],
    ] as const) {
      const answer = await fetch(api.url + path, { method, headers: other });
      expect(await problem(answer), path).toEqual([404, 'not_found']);
    }
    expect((await json<Page>(await fetch(`${api.url}/v1/jobs`, { headers: other }))).jobs).toEqual([]);
    expect((await json<Job>(await api.call(`/v1/jobs/${job.id}`))).cancel_requested).toBe(false);
  });

  it('does not manage the fleet', async () => {
    const answer = await fetch(`${api.url}/v1/builders/rep_${'0'.repeat(12)}/drain`, {
      method: 'POST',
      headers: other,
    });
    expect(await problem(answer)).toEqual([403, 'forbidden']);
  });
});

describe('the fleet', () => {
  it('is shown, drained and resumed', async () => {
    const redis = new Redis(inject('redisUrl'));
    const registry = new ReplicaRegistry({ redis, keys: redisKeys(api.prefix) });
    await registry.announce([{ url: 'http://b1:8081', max: 3, pool: 'default', platforms: [] }]);
    const [builder] = (await json<{ builders: { id: string }[] }>(await api.call('/v1/builders'))).builders;
    expect(builder).toMatchObject({
      url: 'http://b1:8081',
      limit: 3,
      in_flight: 0,
      circuit: 'closed',
      engine: 'unknown',
      draining: false,
    });
    await registry.setEngine('http://b1:8081', 'buildah');
    const [known] = (await json<{ builders: { engine: string }[] }>(await api.call('/v1/builders'))).builders;
    expect(known?.engine).toBe('buildah');
    const change = async (verb: string) =>
      json<{ draining: boolean }>(await api.call(`/v1/builders/${builder?.id}/${verb}`, { method: 'POST' }));
    expect((await change('drain')).draining).toBe(true);
    const queue = await json<{ pools: { capacity: number }[] }>(await api.call('/v1/queue'));
    expect(queue.pools).toMatchObject([{ name: 'default', capacity: 0 }]);
    expect((await change('resume')).draining).toBe(false);
    const unknown = await api.call(`/v1/builders/rep_${'0'.repeat(12)}/drain`, { method: 'POST' });
    expect(await problem(unknown)).toEqual([404, 'not_found']);
    redis.disconnect();
  });
});

describe('the log of a job', () => {
  it('is empty before a build, in each format, and ends with the job', async () => {
    const job = await submitted();
    const path = `/v1/jobs/${job.id}/logs`;
    const plain = await api.call(path);
    expect([plain.headers.get('content-type'), await plain.text()]).toEqual([
      'text/plain; charset=utf-8',
      '',
    ]);
    const events = await api.call(path, { headers: { accept: 'text/event-stream' } });
    await api.post(`/v1/jobs/${job.id}/cancel`, {});
    expect(await events.text()).toBe(': idle\n\nevent: end\ndata: {"state":"canceled"}\n\n');
  });

  it.each(['1', '1-x', 'a-1'])('cannot resume after %j', async (position) => {
    const job = await submitted();
    const answer = await api.call(`/v1/jobs/${job.id}/logs`, { headers: { 'last-event-id': position } });
    expect(await problem(answer)).toMatchObject([422, 'request_invalid']);
  });
});
