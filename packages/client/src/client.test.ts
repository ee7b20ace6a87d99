import { describe, expect, test } from 'vitest';
import { ApiError, ConnectionError, createClient } from './index.js';
import { failure, job, json, problem, serve, spec } from './testing/server.js';

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

  test.each([
    ['an earlier try is in progress', 409, 'idempotency_key_in_progress'],
    ['its job is not replicated', 503, 'redis_not_replicated'],
  ])('receives retries while %s', async (_what, status, code) => {
    const { client, seen } = await serve((_seen, res, count) =>
      count < 8 ? problem(res, status, code, { 'retry-after': '0' }) : json(res, 202, job('queued')),
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
    ['http://127.0.0.1:6000', 'HTTP clients refuse this port \\(bad port\\)'],
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

test.each(['', 'localhost:8080', 'ftp://x', 'http://user:pass@x'])('%j is not the URL of a server', (url) => {
  expect(() => createClient({ url, token: 'tok' })).toThrow(TypeError);
});
