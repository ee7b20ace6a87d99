import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { ApiError, ConnectionError, createClient, type LogLine } from './index.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Handler = (seen: Seen, res: ServerResponse, count: number) => unknown;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A real HTTP server that answers with `handler` and records its requests. */
async function serve(handler: Handler, { port = 0, readBody = true } = {}) {
  const seen: Seen[] = [];
  const server = createServer(async (req, res) => {
    const body = readBody ? await text(req) : '';
    const call = { method: req.method ?? '', url: req.url ?? '', headers: req.headers, body };
    seen.push(call);
    await handler(call, res, seen.length);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  closing.push(close);
  const bound = (server.address() as AddressInfo).port;
  return { seen, close, port: bound, client: clientOf(bound) };
}

const clientOf = (port: number) =>
  createClient({ url: `http://127.0.0.1:${port}/`, token: 'tok', firstDelayMs: 5 });
const json = (res: ServerResponse, status: number, value: unknown) =>
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const problem = (res: ServerResponse, status: number, code: string, headers = {}) =>
  res
    .writeHead(status, { 'content-type': 'application/problem+json; charset=utf-8', ...headers })
    .end(JSON.stringify({ code, status, title: 't', detail: `detail of ${code}`, remedy: 'do this' }));
const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => expect.unreachable(`it resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
const spec = { image: 'r.example/x:1', source: { digest: `sha256:${'0'.repeat(64)}` } };
const job = (state: string) => ({ id: 'job_1', state });

describe('a refusal', () => {
  test('becomes an ApiError with all fields of the problem', async () => {
    const errors = [{ path: '/image', message: 'is wrong' }];
    const { client } = await serve((_seen, res) =>
      res
        .writeHead(422, { 'content-type': 'application/problem+json', 'retry-after': '30' })
        .end(JSON.stringify({ code: 'image_invalid', detail: 'body/image: no', remedy: 'mend it', errors })),
    );
    const error = await failure(client.submitJob({ spec }));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      message: 'image_invalid: body/image: no',
      code: 'image_invalid',
      status: 422,
      detail: 'body/image: no',
      remedy: 'mend it',
      errors,
      retryAfter: 30,
    });
  });

  test('by a server that is not the API names the server', async () => {
    const { client, port } = await serve((_seen, res) => res.writeHead(404).end('<html>nope'));
    const error = await failure(client.getJob({ id: 'job_1' }));
    expect(error).toMatchObject({
      code: 'http_404',
      status: 404,
      detail: expect.stringContaining(`:${port}`),
    });
  });

  test('by redirect is not followed, so that no other server receives the token', async () => {
    const other = await serve((_seen, res) => json(res, 200, job('queued')));
    const { client } = await serve((_seen, res) =>
      res.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end(),
    );
    for (const call of [
      client.getJob({ id: 'job_1' }),
      client.uploadSource({ archive: new Uint8Array(1) }),
    ]) {
      expect(await failure(call)).toMatchObject({
        code: 'http_307',
        detail: expect.stringContaining('points to'),
      });
    }
    expect(other.seen).toEqual([]);
  });
});

describe('a server that is away for a moment', () => {
  test('receives a retry with the token for an idempotent request', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      count < 3 ? problem(res, 503, 'draining', { 'retry-after': '0' }) : json(res, 200, job('queued')),
    );
    expect(await client.getJob({ id: 'job_1', wait: 5 })).toEqual(job('queued'));
    expect(seen.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual(
      Array.from({ length: 3 }, () => ['GET', '/v1/jobs/job_1?wait=5', 'Bearer tok']),
    );
  });

  test('receives a retry of a cancel', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      count === 1 ? problem(res, 502, 'bad_gateway') : json(res, 202, job('running')),
    );
    expect(await client.cancelJob({ id: 'job_1' })).toEqual(job('running'));
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(
      Array(2).fill('POST /v1/jobs/job_1/cancel'),
    );
  });

  test('receives a retry of a submission with the same key, and another job with another key', async () => {
    const { client, seen } = await serve((_seen, res, count) => {
      if (count === 1) return res.destroy();
      if (count === 2) return problem(res, 503, 'draining', { 'retry-after': '0' });
      return json(res, 202, job('queued'));
    });
    expect(await client.submitJob({ spec })).toEqual(job('queued'));
    await client.submitJob({ spec });
    const keys = seen.map(({ headers }) => String(headers['idempotency-key']));
    expect(keys[0]).toMatch(/^[\w-]{36}$/);
    expect(keys.slice(0, 3)).toEqual(Array(3).fill(keys[0]));
    expect(keys[3]).not.toBe(keys[0]);
    for (const { body } of seen) expect(JSON.parse(body)).toEqual(spec);
  });

  test('receives retries while an earlier try is in progress', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      count < 8
        ? problem(res, 409, 'idempotency_key_in_progress', { 'retry-after': '0' })
        : json(res, 202, job('queued')),
    );
    expect(await client.submitJob({ spec })).toEqual(job('queued'));
    expect(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(seen).toHaveLength(8);
  });

  test('receives no retry after a refusal', async () => {
    const { client, seen } = await serve((_seen, res) => problem(res, 409, 'job_not_retryable'));
    expect(await failure(client.retryJob({ id: 'job_1' }))).toMatchObject({ code: 'job_not_retryable' });
    expect(seen).toHaveLength(1);
  });

  test('that stays away is reported with the reason', async () => {
    const { client, close, port } = await serve(() => undefined);
    await close();
    const error = await failure(client.listJobs());
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({
      message: `http://127.0.0.1:${port} cannot be reached: nothing listens there (ECONNREFUSED)`,
      server: `http://127.0.0.1:${port}`,
    });
  });

  test.each([
    [
      'http://nowhere.invalid',
      'its host name (?:is unknown \\(ENOTFOUND|cannot be resolved now \\(EAI_AGAIN)\\)',
    ],
    // A port that `fetch` does not connect to at all.
    ['http://127.0.0.1:6000', 'bad port'],
  ])('that cannot exist is reported with the reason: %s', async (url, reason) => {
    const client = createClient({ url, token: 'tok', firstDelayMs: 1 });
    const error = await failure(client.listJobs());
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toMatch(new RegExp(`^${url} cannot be reached: ${reason}$`));
  });

  test('is reached once it listens', async () => {
    const first = await serve(() => undefined);
    await first.close();
    const patient = createClient({ url: `http://127.0.0.1:${first.port}`, token: 'tok', firstDelayMs: 200 });
    const answer = patient.listJobs();
    await serve((_seen, res) => json(res, 200, { jobs: [] }), { port: first.port });
    expect(await answer).toEqual({ jobs: [] });
  });

  test('does not stop a wait for the end of a job', async () => {
    const { client } = await serve((_seen, res, count) => {
      if (count === 1) res.socket?.destroy();
      else if (count < 7) problem(res, 502, 'bad_gateway');
      else json(res, 200, job(count < 9 ? 'running' : 'failed'));
    });
    expect(await client.waitForEnd({ id: 'job_1' })).toEqual(job('failed'));
  });

  test('stops retrying when the caller aborts', async () => {
    const { client } = await serve((_seen, res) => problem(res, 503, 'draining', { 'retry-after': '60' }));
    const leave = new AbortController();
    const call = client.getJob({ id: 'job_1', signal: leave.signal });
    leave.abort(new Error('left'));
    expect(await failure(call)).toEqual(new Error('left'));
  });
});

describe('an upload', () => {
  const source = { digest: 'sha256:1', files: 1, bytes: 5 };
  async function* chunks() {
    yield Buffer.from('he');
    yield Buffer.from('llo');
  }

  test('is streamed, and reports whether the source existed', async () => {
    const { client, seen } = await serve((_seen, res, count) => json(res, count === 1 ? 201 : 200, source));
    expect(await client.uploadSource({ archive: chunks() })).toEqual({ ...source, created: true });
    expect(await client.uploadSource({ archive: Buffer.from('hello') })).toEqual({
      ...source,
      created: false,
    });
    expect(seen.map(({ body }) => body)).toEqual(['hello', 'hello']);
    expect(seen[0]?.headers['transfer-encoding']).toBe('chunked');
  });

  test('is sent again whole if it can be opened again, otherwise once', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      count === 1 || count === 3
        ? problem(res, 503, 'draining', { 'retry-after': '0' })
        : json(res, 200, source),
    );
    expect(await client.uploadSource({ archive: chunks })).toEqual({ ...source, created: false });
    expect(seen.map(({ body }) => body)).toEqual(['hello', 'hello']);
    expect(await failure(client.uploadSource({ archive: chunks() }))).toMatchObject({ code: 'draining' });
    expect(seen).toHaveLength(3);
  });

  test('fails with the error of the archive', async () => {
    const { client } = await serve((_seen, res) => json(res, 200, source));
    const broken = async function* () {
      yield Buffer.from('x');
      throw new Error('no such file');
    };
    expect(await failure(client.uploadSource({ archive: broken }))).toEqual(new Error('no such file'));
  });

  test('that is refused half-way reports the reason', async () => {
    const endless = async function* () {
      for (let count = 0; count < 4_096; count++) yield Buffer.alloc(64 * 1024);
    };
    const { client } = await serve(
      (_seen, res) => {
        problem(res, 413, 'source_too_large', { connection: 'close' });
        res.req.resume();
      },
      { readBody: false },
    );
    expect(await failure(client.uploadSource({ archive: endless }))).toMatchObject({
      code: 'source_too_large',
    });
  });
});

test('a missing source is undefined', async () => {
  const { client } = await serve((_seen, res, count) =>
    count === 1 ? problem(res, 404, 'not_found') : json(res, 200, { digest: 'd', files: 1, bytes: 2 }),
  );
  expect(await client.findSource({ digest: 'd' })).toBeUndefined();
  expect(await client.findSource({ digest: 'd' })).toEqual({ digest: 'd', files: 1, bytes: 2 });
});

describe('a log', () => {
  const line = (number: number): LogLine => ({ attempt: 1, line: number, text: `line ${number} é` });
  const event = (number: number) => `id: 1-${number}\nevent: log\ndata: ${JSON.stringify(line(number))}\n\n`;
  const end = 'event: end\ndata: {"state":"succeeded"}\n\n';
  const stream = (res: ServerResponse) => res.writeHead(200, { 'content-type': 'text/event-stream' });
  const all = async (lines: AsyncIterable<LogLine>) => {
    const found: number[] = [];
    for await (const { line: number } of lines) found.push(number);
    return found;
  };

  test('resumes where it broke, without gaps or repeats', async () => {
    const { client, seen } = await serve((_seen, res, count) => {
      stream(res);
      switch (count) {
        case 1: // Breaks in the middle of an event.
          return res.write(event(1) + event(2) + event(3).slice(0, 20), () => res.socket?.destroy());
        case 2: // Ends in order, but the job has not ended: a server that shuts down.
          return res.end(event(3));
        case 3:
          return res.socket?.destroy();
        default:
          return res.end(`: idle\n\n${event(4)}${end}`);
      }
    });
    expect(await all(client.followLog({ id: 'job_1' }))).toEqual([1, 2, 3, 4]);
    expect(seen.map(({ url, headers }) => [url, headers['last-event-id']])).toEqual([
      ['/v1/jobs/job_1/logs?follow=1', undefined],
      ['/v1/jobs/job_1/logs?follow=1', '1-2'],
      ['/v1/jobs/job_1/logs?follow=1', '1-3'],
      ['/v1/jobs/job_1/logs?follow=1', '1-3'],
    ]);
  });

  test('can be read without following, and from a line on', async () => {
    const { client, seen } = await serve((_seen, res) => stream(res).end(event(8) + end));
    const lines = [];
    for await (const found of client.followLog({ id: 'job_1', follow: false, after: '1-7' }))
      lines.push(found);
    expect(lines).toEqual([line(8)]);
    expect(seen[0]).toMatchObject({
      url: '/v1/jobs/job_1/logs?follow=0',
      headers: { 'last-event-id': '1-7' },
    });
  });

  test('of no job is a refusal', async () => {
    const { client } = await serve((_seen, res) => problem(res, 404, 'not_found'));
    expect(await failure(all(client.followLog({ id: 'job_1' })))).toMatchObject({ code: 'not_found' });
  });

  test('with an unreadable line is not retried', async () => {
    const { client, seen } = await serve((_seen, res) =>
      stream(res).end('id: 1-1\nevent: log\ndata: {"attempt"\n\n'),
    );
    expect(await failure(all(client.followLog({ id: 'job_1' })))).toBeInstanceOf(SyntaxError);
    expect(seen).toHaveLength(1);
  });

  test('that never continues is given up', async () => {
    const { client } = await serve((_seen, res) => stream(res).end());
    const error = await failure(all(client.followLog({ id: 'job_1', follow: false })));
    expect(error).toMatchObject({
      name: 'ConnectionError',
      message: expect.stringContaining('ends too early'),
    });
  });

  test('is closed when the reader stops, throws or aborts', async () => {
    const closed: Promise<unknown>[] = [];
    const { client } = await serve((_seen, res) => {
      closed.push(once(res, 'close'));
      stream(res).write(event(1));
    });
    for await (const _line of client.followLog({ id: 'job_1' })) break;
    const thrown = async () => {
      for await (const _line of client.followLog({ id: 'job_1' })) throw new Error('enough');
    };
    expect(await failure(thrown())).toEqual(new Error('enough'));
    const leave = new AbortController();
    const left = async () => {
      for await (const _line of client.followLog({ id: 'job_1', signal: leave.signal })) {
        leave.abort(new Error('left'));
      }
    };
    expect(await failure(left())).toEqual(new Error('left'));
    expect(closed).toHaveLength(3);
    await Promise.all(closed);
  });
});

test.each(['', 'localhost:8080', 'ftp://x', 'http://user:pass@x'])('%j is not the URL of a server', (url) => {
  expect(() => createClient({ url, token: 'tok' })).toThrow(TypeError);
});

describe('a batch', () => {
  const counts = { queued: 0, running: 0, succeeded: 1, failed: 0, canceled: 0 };
  const batch = (state: string) => ({ id: 'batch_1', state, counts });

  test('is submitted, or only planned', async () => {
    const { client, seen } = await serve((call, res) =>
      (JSON.parse(call.body) as { dry_run: boolean }).dry_run
        ? json(res, 200, { total: 1, items: [] })
        : problem(res, 429, 'queue_full'),
    );
    const items = [{ ...spec }];
    expect(await client.planBatch({ batch: { items } })).toEqual({ total: 1, items: [] });
    expect(await failure(client.submitBatch({ batch: { items } }))).toMatchObject({ code: 'queue_full' });
    expect(seen.map(({ body }) => (JSON.parse(body) as { dry_run: boolean }).dry_run)).toEqual([true, false]);
  });

  test('is awaited until it has ended', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      json(res, 200, batch(count < 3 ? 'running' : 'finished')),
    );
    expect((await client.waitForBatch({ id: 'batch_1' })).state).toBe('finished');
    expect(seen.map(({ url }) => url)).toEqual(Array(3).fill('/v1/batches/batch_1?wait=30'));
  });

  test('is followed over a connection that breaks, without gaps or repeats', async () => {
    const change = (position: string, state: string) =>
      `id: ${position}\nevent: job\ndata: ${JSON.stringify(job(state))}\n\n`;
    const { client, seen } = await serve((_seen, res, count) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      if (count === 1) {
        res.write(
          `event: batch\ndata: ${JSON.stringify(batch('running'))}\n\n${change('1-0', 'running')}`,
          () => res.destroy(),
        );
      } else {
        const last = `id: 3-0\nevent: batch.finished\ndata: ${JSON.stringify(batch('finished'))}\n\n`;
        res.end(change('2-0', 'succeeded') + last);
      }
    });
    const said: unknown[] = [];
    for await (const event of client.followBatch({ id: 'batch_1' })) {
      said.push(event.type === 'job' ? event.job.state : event.type);
    }
    expect(said).toEqual(['batch', 'running', 'succeeded', 'batch.finished']);
    expect(seen.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1-0']);
  });
});

describe('functions and templates', () => {
  test('a rebuild is submitted, or only planned', async () => {
    const plan = { functions: [], left_out: [] };
    const { client, seen } = await serve(({ body }, res, count) => {
      if ((JSON.parse(body) as { dry_run: boolean }).dry_run) return json(res, 200, plan);
      return count === 2
        ? json(res, 202, { ...plan, batch: { id: 'batch_1' } })
        : problem(res, 429, 'queue_full');
    });
    const rebuild = { select: { base_image: 'node' } };
    expect(await client.planRebuild({ rebuild })).toEqual(plan);
    expect((await client.submitRebuild({ rebuild })).batch.id).toBe('batch_1');
    expect(await failure(client.submitRebuild({ rebuild }))).toMatchObject({ code: 'queue_full' });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(Array(3).fill('POST /v1/rebuilds'));
  });

  test('a template is sent, retried while the server is away, and reported as new or known', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      count === 1 ? problem(res, 503, 'draining') : json(res, count === 2 ? 201 : 200, { version: count }),
    );
    const archive = new TextEncoder().encode('tar');
    expect(await client.putTemplate({ name: 'node20', archive })).toEqual({ version: 2, created: true });
    const again = await client.putTemplate({ name: 'node20', archive, rebuild: true });
    expect(again).toEqual({ version: 3, created: false });
    const url = '/v1/templates/node20';
    expect(seen.map((each) => [each.method, each.url, each.body])).toEqual([
      ['PUT', url, 'tar'],
      ['PUT', url, 'tar'],
      ['PUT', `${url}?rebuild=true`, 'tar'],
    ]);
  });

  test('are named by their path, and deleted without an answer', async () => {
    const { client, seen } = await serve((_seen, res) => res.writeHead(204).end());
    await client.deleteFunction({ namespace: 'dev', name: 'hello' });
    await client.deleteTemplate({ name: 'node20' });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'DELETE /v1/functions/dev/hello',
      'DELETE /v1/templates/node20',
    ]);
  });
});

describe('webhooks', () => {
  const id = 'wh_1';

  test('calls that create or send something are retried with the same key', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      count % 2 === 1 ? problem(res, 503, 'draining') : json(res, 202, { id }),
    );
    const calls = [
      () => client.createWebhook({ webhook: { url: 'https://ci.example/' } }),
      () => client.rotateWebhookSecret({ id }),
      () => client.rotateWebhookSecret({ id, secret: 'whsec_x' }),
      () => client.testWebhook({ id }),
      () => client.recoverWebhook({ id, since: '2026-05-17T09:00:00Z' }),
      () => client.redeliver({ id: 'dlv_1' }),
    ];
    for (const call of calls) expect(await call()).toEqual({ id });
    const twice = [
      ['POST', '/v1/webhooks', '{"url":"https://ci.example/"}'],
      ['POST', '/v1/webhooks/wh_1/rotate', '{}'],
      ['POST', '/v1/webhooks/wh_1/rotate', '{"secret":"whsec_x"}'],
      ['POST', '/v1/webhooks/wh_1/test', ''],
      ['POST', '/v1/webhooks/wh_1/recover', '{"since":"2026-05-17T09:00:00Z"}'],
      ['POST', '/v1/deliveries/dlv_1/redeliver', ''],
    ].flatMap((each) => [each, each]);
    expect(seen.map(({ method, url, body }) => [method, url, body])).toEqual(twice);
    const keys = seen.map(({ headers }) => String(headers['idempotency-key']));
    expect(keys.filter((_key, at) => at % 2 === 1)).toEqual(keys.filter((_key, at) => at % 2 === 0));
    expect(new Set(keys).size).toBe(calls.length);
  });

  test('are read, changed and deleted, with retries while the server is away', async () => {
    const { client, seen } = await serve(({ method }, res, count) => {
      if (count % 2 === 1) return problem(res, 503, 'draining');
      return method === 'DELETE' ? res.writeHead(204).end() : json(res, 200, { id });
    });
    expect(await client.listWebhooks({ query: { limit: 2, cursor: id } })).toEqual({ id });
    expect(await client.getWebhook({ id })).toEqual({ id });
    expect(await client.updateWebhook({ id, patch: { enabled: true } })).toEqual({ id });
    await client.deleteWebhook({ id });
    await client.listWebhookDeliveries({ id, query: { state: 'failed' } });
    await client.listDeliveries({ query: { job: 'job_1', cursor: 'x' } });
    await client.getDelivery({ id: 'dlv_1' });
    expect(seen.filter((_call, at) => at % 2 === 1).map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/webhooks?limit=2&cursor=wh_1',
      'GET /v1/webhooks/wh_1',
      'PATCH /v1/webhooks/wh_1',
      'DELETE /v1/webhooks/wh_1',
      'GET /v1/webhooks/wh_1/deliveries?state=failed',
      'GET /v1/deliveries?job=job_1&cursor=x',
      'GET /v1/deliveries/dlv_1',
    ]);
  });
});
