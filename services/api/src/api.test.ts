import { type Job, jobMessageSchema } from '@slipway/shared/contracts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from './testing/archive.js';
import { dockerfile, json, problem, requestsTo } from './testing/requests.js';
import { type RunningApi, startApi } from './testing/start-api.js';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi(inject('redisUrl'));
});
afterAll(() => api.stop());
const { submitted } = requestsTo(() => api);

type Callback = Record<string, { readonly post: { readonly parameters: readonly { $ref: string }[] } }>;

interface Document {
  readonly paths: Record<string, { readonly post?: { readonly callbacks?: Record<string, Callback> } }>;
  readonly components: {
    readonly schemas: Record<string, { readonly required?: string[] }>;
    readonly parameters: Record<string, { readonly name: string; readonly in: string }>;
  };
}

describe('the API', () => {
  it.each([
    ['/v1/jobs', {}],
    ['/v1/jobs', { authorization: 'Bearer wrong' }],
    ['/v1/jobs', { authorization: 'Basic dG9rZW4=' }],
    ['/v1/nothing', {}],
  ])('requires a token for %s with %j', async (path, headers) => {
    const answer = await fetch(api.url + path, { headers });
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    expect(await problem(answer)).toEqual([401, 'unauthorized']);
  });

  it('answers 404 for unknown paths and 405 for other methods', async () => {
    expect(await problem(await api.call('/v1/nothing'))).toEqual([404, 'not_found']);
    expect(await problem(await api.call(`/v1/jobs/job_${'0'.repeat(26)}`))).toEqual([404, 'not_found']);
    expect(await problem(await api.call('/v1/jobs/x'))).toEqual([422, 'request_invalid', ['/id']]);
    expect(await problem(await api.call('/v1/jobs/%E0%A4%A'))).toMatchObject([422, 'request_invalid']);
    const wrong = await api.call('/v1/jobs', { method: 'DELETE' });
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST');
    expect(await problem(wrong)).toEqual([405, 'method_not_allowed']);
  });

  it('serves liveness, readiness and metrics without a token', async () => {
    await submitted();
    expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${api.url}/readyz`)).status).toBe(200);
    const metrics = async () => await (await fetch(`${api.url}/metrics`)).text();
    await expect.poll(metrics).toMatch(/slipway_fleet_jobs\{state="queued"\} [1-9]/);
    expect(await metrics()).toContain('route="/v1/jobs"');
  });

  it('serves its description: each path, each schema, no dangling reference', async () => {
    const document = await json<Document>(await fetch(`${api.url}/openapi.json`));
    const tags = ['sources', 'jobs', 'batches', 'functions', 'templates', 'builders', 'queue'];
    for (const tag of [...tags, 'webhooks', 'deliveries'])
      expect(Object.keys(document.paths)).toContain(`/v1/${tag}`);
    for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
      expect(operation).toMatchObject({ operationId: expect.any(String), summary: expect.any(String) });
    }
    const references = JSON.stringify(document).match(/"#\/components\/schemas\/[^"]+"/g) ?? [];
    expect(references.length).toBeGreaterThan(5);
    for (const reference of new Set(references)) {
      const name = reference.slice(1, -1).split('/').at(-1) ?? '';
      expect(Object.keys(document.components.schemas)).toContain(name);
    }
    expect(document.components.schemas.JobRequest?.required).toEqual(['image', 'source']);
    const callbacks = document.paths['/v1/webhooks']?.post?.callbacks ?? {};
    expect(Object.keys(callbacks)).toEqual(['job', 'batch', 'builder', 'webhook', 'base_image']);
    for (const { post } of Object.values(callbacks).flatMap((callback) => Object.values(callback))) {
      const headers = post.parameters.map(
        ({ $ref }) => document.components.parameters[$ref.split('/').at(-1) ?? ''],
      );
      expect(headers.map((header) => [header?.in, header?.name])).toEqual([
        ['header', 'webhook-id'],
        ['header', 'webhook-timestamp'],
        ['header', 'webhook-signature'],
        ['header', 'user-agent'],
      ]);
    }
    expect(document.components.schemas.JobMessage).toBeDefined();
    expect(jobMessageSchema.meta()?.id).toBe('JobMessage');
  });

  it('serves a documentation page that loads no external resource', async () => {
    const page = await (await fetch(`${api.url}/docs`)).text();
    for (const [, asset] of page.matchAll(/(?:src="|<link [^>]*href=")([^"]+)"/g)) {
      expect(asset).toMatch(/^docs\//);
      expect((await fetch(`${api.url}/${asset}`)).status).toBe(200);
    }
  });

  it.each([
    [
      'POST',
      '/v1/jobs',
      '/build_args/A',
      { image: 'a', source: { digest: 'x' }, build_args: { A: 'x\ud83d' } },
    ],
    ['POST', '/v1/jobs', '/source/files/a', { image: 'a', source: { files: { a: '\udc00' } } }],
    ['POST', '/v1/jobs', '/source/files', { image: 'a', source: { files: { 'a\ud83d': 'x' } } }],
    ['POST', '/v1/jobs', '', { '\ud83d': 1 }],
    ['POST', '/v1/batches', '/items/1/secrets', { items: [{ image: 'a' }, { secrets: '\ud83d' }] }],
    [
      'POST',
      '/v1/batches',
      '/defaults/build_args/A',
      { items: [], defaults: { build_args: { A: '\ud83d' } } },
    ],
    ['POST', '/v1/webhooks', '/description', { url: 'https://a.example', description: '\ud83d\ud83d' }],
    ['POST', '/v1/tokens', '/description', { description: 'a\ude00', scopes: [] }],
    ['PUT', '/v1/tenants/x', '/images/0', { images: ['\ud83d'] }],
  ])('refuses half of a surrogate pair on input: %s %s %s', async (method, path, at, body) => {
    const answer = await api.call(path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ code: 'request_invalid', errors: [{ path: at }] });
  });

  it('answers 503 while Redis is unavailable, and ends a poll when it drains', async () => {
    const away = await startApi('redis://127.0.0.1:1', {}, { tenants: [] });
    try {
      expect(await problem(await away.call('/v1/jobs'))).toEqual([503, 'redis_unavailable']);
      expect((await fetch(`${away.url}/readyz`)).status).toBe(503);
      expect((await fetch(`${away.url}/healthz`)).status).toBe(200);
    } finally {
      await away.stop();
    }
    const draining = await startApi(inject('redisUrl'));
    const source = await draining.call('/v1/sources', { method: 'POST', body: archive([dockerfile]) });
    const job = await json<Job>(
      await draining.post('/v1/jobs', {
        image: 'x',
        source: { digest: (await json<{ digest: string }>(source)).digest },
      }),
    );
    const waiting = draining.call(`/v1/jobs/${job.id}?wait=60`);
    await draining.call(`/v1/jobs/${job.id}`);
    await draining.stop();
    expect(await (await waiting).json()).toMatchObject({ state: 'queued' });
  });
});
