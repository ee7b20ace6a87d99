import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { type Job, jobMessageSchema } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from './testing/archive.js';
import { type RunningApi, startApi } from './testing/start-api.js';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi(inject('redisUrl'));
});
afterAll(() => api.stop());

const dockerfile = { path: 'Dockerfile', text: 'FROM scratch\n' };
type Body = NonNullable<RequestInit['body']>;
interface Page {
  readonly jobs: readonly Job[];
  readonly next_cursor?: string;
}
interface SaidProblem {
  readonly status: number;
  readonly code: string;
  readonly errors?: readonly { readonly path: string }[];
}
type Callback = Record<string, { readonly post: { readonly parameters: readonly { $ref: string }[] } }>;

interface Document {
  readonly paths: Record<string, { readonly post?: { readonly callbacks?: Record<string, Callback> } }>;
  readonly components: {
    readonly schemas: Record<string, { readonly required?: string[] }>;
    readonly parameters: Record<string, { readonly name: string; readonly in: string }>;
  };
}
const json = async <T>(answer: Response): Promise<T> => (await answer.json()) as T;

const upload = (body: Body, type = 'application/x-tar') =>
  api.call('/v1/sources', { method: 'POST', headers: { 'content-type': type }, body });
const uploaded = async (): Promise<string> =>
  (await json<{ digest: string }>(await upload(archive([dockerfile])))).digest;
const submitted = async (changes: object = {}): Promise<Job> => {
  const answer = await api.post('/v1/jobs', {
    image: 'r.example/team/hello:1',
    source: { digest: await uploaded() },
    ...changes,
  });
  expect(answer.status).toBe(202);
  return await json(answer);
};
const problem = async (answer: Response) => {
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  const { status, code, errors } = await json<SaidProblem>(answer);
  expect(status).toBe(answer.status);
  return [status, code, ...(errors ? [errors.map(({ path }) => path)] : [])];
};
const stored = () =>
  readdirSync(api.blobs, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

describe('a source', () => {
  it('returns 201 for a new source, 200 for a known one, and the same digest for any archive', async () => {
    const files = [dockerfile, { path: 'only-here.txt', text: 'x' }];
    const first = await upload(archive(files));
    expect(first.status).toBe(201);
    const source = await json<{ digest: string }>(first);
    expect(source).toEqual({ digest: expect.stringMatching(/^sha256:/), files: 2, bytes: 14 });
    expect(first.headers.get('location')).toBe(`/v1/sources/${source.digest}`);
    const again = await upload(gzipSync(archive(files.toReversed())), 'application/gzip');
    expect([again.status, await again.json()]).toEqual([200, source]);
  });

  it('is found by its digest, as a manifest or as a tar', async () => {
    const digest = await uploaded();
    expect(await (await api.call(`/v1/sources/${digest}`)).json()).toMatchObject({ digest, files: 1 });
    expect((await api.call(`/v1/sources/${digest}`, { method: 'HEAD' })).status).toBe(200);
    const tar = await api.call(`/v1/sources/${digest}`, { headers: { accept: 'application/x-tar' } });
    expect(await (await upload(await tar.arrayBuffer())).json()).toMatchObject({ digest });
    const unknown = await api.call(`/v1/sources/sha256:${'0'.repeat(64)}`, { method: 'HEAD' });
    expect(unknown.status).toBe(404);
  });

  it.each([
    ['a path with ..', 422, 'source_path_unsafe', archive([dockerfile, { path: '../x', text: 'x' }])],
    ['an absolute path', 422, 'source_path_unsafe', archive([{ path: '/etc/x', text: 'x' }])],
    [
      'a hard link that leaves',
      422,
      'source_link_unsafe',
      archive([{ path: 'l', type: 'Link', linkpath: '../../x' }]),
    ],
    ['a device', 422, 'source_entry_unsupported', archive([{ path: 'd', type: 'CharacterDevice' }])],
    ['a path twice', 422, 'source_path_duplicate', archive([dockerfile, dockerfile])],
    ['no files', 422, 'source_empty', archive([])],
    [
      'too many files',
      422,
      'source_too_many_files',
      archive([...Array(101).keys()].map((n) => ({ path: `f${n}` }))),
    ],
    ['a bomb', 422, 'source_ratio_exceeded', gzipSync(archive([{ path: 'b', text: '0'.repeat(3_900_000) }]))],
    ['too many bytes', 413, 'source_too_large', archive([{ path: 'b', text: '0'.repeat(4_200_000) }])],
    ['no archive', 422, 'source_corrupt', Buffer.from('hello, this is no tar'.repeat(100))],
  ])('is refused with %s, and nothing is stored', async (_what, status, code, body) => {
    await uploaded();
    const before = stored().length;
    const answer = await upload(body);
    const [actual, said] = await problem(answer);
    // The limit on the bytes of the archive or on those of the files may apply first.
    expect([actual, said === 'body_too_large' ? 'source_too_large' : said]).toEqual([status, code]);
    expect(stored().length).toBe(before);
  });

  it('is refused when the body is cut short, and nothing is stored', async () => {
    await uploaded();
    const before = stored().length;
    const { hostname, port } = new URL(api.url);
    const socket = connect({ host: hostname, port: Number(port) });
    const head =
      'POST /v1/sources HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token\r\nContent-Length: 9000\r\n\r\n';
    await new Promise((resolve) =>
      socket.write(head + archive([dockerfile]).subarray(0, 700).toString('latin1'), resolve),
    );
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume().end();
    await closed;
    const tarCut = await upload(archive([{ path: 'b', text: 'x'.repeat(5_000) }]).subarray(0, 2_000));
    expect([422, 400]).toContain(tarCut.status);
    await expect.poll(() => stored().length).toBe(before);
  });

  it('must be an archive', async () => {
    expect(await problem(await upload('{}', 'application/json'))).toEqual([415, 'media_type_unsupported']);
  });
});

describe('the remains of a dead upload', () => {
  it('are removed at the next start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-api-sweep-'));
    mkdirSync(join(folder, '.tmp'));
    const left = join(folder, '.tmp', 'left-behind');
    writeFileSync(left, 'half an upload');
    utimesSync(left, 0, 0);
    const again = await startApi(inject('redisUrl'), { blobStore: `file://${folder}` });
    await expect.poll(() => existsSync(left)).toBe(false);
    await again.stop();
    rmSync(folder, { recursive: true });
  });
});

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
    expect(await events.text()).toBe('event: end\ndata: {"state":"canceled"}\n\n');
  });

  it.each(['1', '1-x', 'a-1'])('cannot resume after %j', async (position) => {
    const job = await submitted();
    const answer = await api.call(`/v1/jobs/${job.id}/logs`, { headers: { 'last-event-id': position } });
    expect(await problem(answer)).toMatchObject([422, 'request_invalid']);
  });
});

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
    expect(Object.keys(callbacks)).toEqual(['job', 'batch', 'builder', 'webhook']);
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
    for (const [, asset] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
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
