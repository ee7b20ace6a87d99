import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import type { Job } from '@slipway/shared/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

const maxSourceBytes = 1024 * 1024;
let api: RunningApi;
beforeAll(async () => {
  const narrow = { images: ['r.example/own/'], highest_priority: 'normal' as const };
  api = await startApi(
    inject('redisUrl'),
    { maxSourceBytes, maxQueuedJobs: 1_000 },
    {
      tenants: [
        { name: 'one', token: 'one' },
        { name: 'two', token: 'two' },
        { name: 'narrow', token: 'narrow', settings: narrow },
        { name: 'small', token: 'small', settings: { limits: { source_bytes: 10 } } },
      ],
    },
  );
});
afterAll(() => api.stop());

/** Files that no other test has. */
const files = () => archive([{ path: 'Dockerfile', text: `FROM scratch\nLABEL of=${randomUUID()}\n` }]);
const spec = (changes: object = {}) => ({ image: `r.example/${randomUUID()}:1`, ...changes });

const boundary = 'XbX';
const formType = `multipart/form-data; boundary=${boundary}`;
type Part = readonly [headers: string, content: string | Uint8Array];
const named = (name: string, content: string | Uint8Array): Part => [
  `Content-Disposition: form-data; name="${name}"\r\n`,
  content,
];
const bodyOf = (...parts: readonly Part[]) =>
  Buffer.concat([
    ...parts.flatMap(([headers, content]) => [
      Buffer.from(`--${boundary}\r\n${headers}\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
const whole = (job: unknown, source: Uint8Array) =>
  bodyOf(named('job', JSON.stringify(job)), named('source', source));

interface Sent {
  readonly token?: string;
  readonly key?: string;
  readonly type?: string;
  readonly encoding?: string;
}
async function send(
  body: NonNullable<RequestInit['body']>,
  { token = 'one', key, type, encoding }: Sent = {},
) {
  const answer = await api.call('/v1/jobs', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(!(body instanceof FormData) && { 'content-type': type ?? formType }),
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(encoding !== undefined && { 'content-encoding': encoding }),
    },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests compare whatever came.
  const said = (await answer.json()) as any;
  return { status: answer.status, headers: answer.headers, body: said };
}
const ask = async (path: string, token = 'one') => {
  const answer = await api.call(path, { headers: { authorization: `Bearer ${token}` } });
  return { status: answer.status, body: await answer.json() };
};
const jobsOf = async (token: string) => ((await ask('/v1/jobs', token)).body as { jobs: Job[] }).jobs.length;
/** Returns all stored and half-stored blobs. */
const stored = () => readdirSync(api.blobs, { recursive: true }).toSorted();

describe('a job that comes with its source', () => {
  it.each([
    ['a tar', (tar: Buffer) => tar],
    ['a tar.gz', (tar: Buffer) => gzipSync(tar)],
  ])('is the same as one of %s that was uploaded before', async (_what, pack) => {
    const tar = files();
    const request = spec({ labels: { a: 'b' }, priority: 'high' });
    const form = new FormData();
    form.append('job', new Blob([JSON.stringify(request)], { type: 'application/json' }));
    form.append('source', new Blob([new Uint8Array(pack(tar))]), 'src.tar');
    const { status, headers, body } = await send(form);
    expect([status, headers.get('location')]).toEqual([202, `/v1/jobs/${body.id}`]);
    expect(body).toMatchObject({ state: 'queued', ...request });
    expect((await ask(`/v1/jobs/${body.id}`)).body).toEqual(body);
    const headersOfTar = { authorization: 'Bearer one', 'content-type': 'application/x-tar' };
    const again = await api.call('/v1/sources', {
      method: 'POST',
      headers: headersOfTar,
      body: new Uint8Array(tar),
    });
    // The source is stored, and it belongs to the tenant.
    expect([again.status, await again.json()]).toMatchObject([200, { digest: body.source.digest }]);
    expect((await ask(`/v1/sources/${body.source.digest}`, 'two')).status).toBe(404);
  });

  it('is accepted as sent by curl, or with names alone', async () => {
    const job: Part = [
      'Content-Disposition: form-data; name="job"; filename="job.json"\r\nContent-Type: application/octet-stream\r\n',
      JSON.stringify(spec()),
    ];
    expect((await send(bodyOf(job, named('source', files())))).status).toBe(202);
    const before = Buffer.from('This is a form.\r\n');
    const body = Buffer.concat([before, whole(spec(), files()), Buffer.from('That was a form.')]);
    expect((await send(body)).status).toBe(202);
  });

  it('runs once per key: the same content is the same request in any archive', async () => {
    const [key, tar, job] = [randomUUID(), files(), spec()];
    const first = await send(whole(job, tar), { key });
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([202, null]);
    for (const body of [whole(job, tar), whole(job, gzipSync(tar))]) {
      const again = await send(body, { key });
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
      expect(again.body).toEqual(first.body);
      expect(again.headers.get('location')).toBe(first.headers.get('location'));
    }
    for (const body of [whole(job, files()), whole({ ...job, push: false }, tar)]) {
      const other = await send(body, { key });
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    }
    const list = await ask(`/v1/jobs?image=${job.image}`);
    expect((list.body as { jobs: Job[] }).jobs).toHaveLength(1);
    const theirs = await send(whole(job, tar), { key, token: 'two' });
    expect([theirs.status, theirs.headers.get('idempotency-replayed')]).toEqual([202, null]);
  });

  it('is refused like the job alone, before the source is read', async () => {
    const before = [stored(), await jobsOf('narrow')];
    const broken = Buffer.from('no archive');
    for (const [changes, code] of [
      [{ image: 'r.example/foreign:1' }, 'image_not_allowed'],
      [{ image: 'r.example/own/a:1', priority: 'high' }, 'priority_not_allowed'],
      [{ image: 'UPPER' }, 'image_invalid'],
      [{ image: 'r.example/own/a:1', nonsense: 1 }, 'request_invalid'],
    ] as const) {
      expect((await send(whole(changes, broken), { token: 'narrow' })).body.code).toBe(code);
    }
    expect((await send(whole(spec(), broken), { key: 'not a key' })).body.code).toBe(
      'idempotency_key_invalid',
    );
    expect([stored(), await jobsOf('narrow')]).toEqual(before);
  });

  it('leaves its source with the tenant when the queue has no room for the job', async () => {
    const { status, body } = await send(whole(spec({ pool: 'none' }), files()));
    expect([status, body.code]).toEqual([422, 'pool_not_found']);
    const tar = files();
    const made = await send(whole(spec(), tar));
    expect((await ask(`/v1/sources/${made.body.source.digest}`)).status).toBe(200);
  });
});

describe('a form that is refused', () => {
  let before: unknown;
  beforeEach(async () => {
    before = [stored(), await jobsOf('one')];
  });
  const nothingKept = async () => expect([stored(), await jobsOf('one')]).toEqual(before);

  const job = named('job', JSON.stringify(spec()));
  const source = named('source', files());
  type Case = readonly [what: string, body: () => Buffer, expected: readonly [number, string], sent?: Sent];
  const cases: readonly Case[] = [
    ['has its parts in the wrong order', () => bodyOf(source, job), [422, 'request_invalid']],
    ['has no source', () => bodyOf(job), [422, 'request_invalid']],
    ['has no job', () => bodyOf(source), [422, 'request_invalid']],
    ['has no part', () => bodyOf(), [422, 'request_invalid']],
    ['has two jobs', () => bodyOf(job, job), [422, 'request_invalid']],
    ['has two sources', () => bodyOf(job, source, source), [422, 'request_invalid']],
    ['has an unknown part', () => bodyOf(job, named('x', ''), source), [422, 'request_invalid']],
    ['has another part at its end', () => bodyOf(job, source, named('x', '')), [422, 'request_invalid']],
    [
      'has a part without a name',
      () => bodyOf(['Content-Disposition: form-data\r\n', '{}'], source),
      [422, 'request_invalid'],
    ],
    ['has a part without headers', () => bodyOf(['', '{}'], job, source), [422, 'request_invalid']],
    [
      'has a name that is too long',
      () => bodyOf(named('j'.repeat(100_000), '{}'), source),
      [422, 'request_invalid'],
    ],
    [
      'has a job that names its source',
      () => whole(spec({ source: { digest: `sha256:${'0'.repeat(64)}` } }), files()),
      [422, 'request_invalid'],
    ],
    ['has a job that is no JSON', () => bodyOf(named('job', '{'), source), [400, 'json_invalid']],
    [
      'has a job that is no UTF-8',
      () => bodyOf(named('job', Buffer.from('{"image":"\xff"}', 'latin1')), source),
      [400, 'json_invalid'],
    ],
    ['has a job that is no object', () => bodyOf(named('job', '[]'), source), [422, 'request_invalid']],
    [
      'has a job that is packed as text',
      () =>
        bodyOf(
          ['Content-Disposition: form-data; name="job"\r\nContent-Transfer-Encoding: base64\r\n', 'e30='],
          source,
        ),
      [422, 'request_invalid'],
    ],
    [
      'has a job that is too large',
      () => bodyOf(named('job', ' '.repeat(1024 * 1024 + 1)), source),
      [413, 'body_too_large'],
    ],
    [
      'has a source that is no archive',
      () => bodyOf(job, named('source', 'no archive')),
      [422, 'source_corrupt'],
    ],
    ['has an empty source', () => bodyOf(job, named('source', '')), [422, 'source_corrupt']],
    [
      'has a source with a path outside the archive',
      () => bodyOf(job, named('source', archive([{ path: '../x', text: 'x' }]))),
      [422, 'source_path_unsafe'],
    ],
    [
      'has a source that is too large',
      () => bodyOf(job, named('source', Buffer.alloc(maxSourceBytes + 1))),
      [413, 'body_too_large'],
    ],
    [
      'is too large by far',
      () => bodyOf(job, named('source', Buffer.alloc(8 * maxSourceBytes))),
      [413, 'body_too_large'],
    ],
    ['has no end', () => bodyOf(job, source).subarray(0, -6), [400, 'body_incomplete']],
    ['ends in its source', () => bodyOf(job, source).subarray(0, -600), [400, 'body_incomplete']],
    ['is no form', () => Buffer.from('{"image":"r.example/x:1"}'), [400, 'body_incomplete']],
    ['is empty', () => Buffer.alloc(0), [400, 'body_incomplete']],
    [
      'has another boundary',
      () => bodyOf(job, source),
      [400, 'body_incomplete'],
      { type: 'multipart/form-data; boundary=y' },
    ],
    ['has no boundary', () => bodyOf(job, source), [422, 'request_invalid'], { type: 'multipart/form-data' }],
    [
      'is of another multipart type',
      () => bodyOf(job, source),
      [415, 'media_type_unsupported'],
      { type: `multipart/mixed; boundary=${boundary}` },
    ],
    ['is packed', () => gzipSync(bodyOf(job, source)), [415, 'media_type_unsupported'], { encoding: 'gzip' }],
    [
      'belongs to a tenant without enough quota',
      () => whole(spec(), files()),
      [413, 'source_quota_exceeded'],
      { token: 'small' },
    ],
  ];

  it.each(cases.map((each) => [each[0], each] as const))('%s', async (_name, [, body, expected, sent]) => {
    const bytes = new Uint8Array(body());
    const answer = await send(bytes, sent);
    expect([answer.status, answer.body.code]).toEqual(expected);
    if (sent?.token === undefined) await nothingKept();
    else expect(await jobsOf(sent.token)).toBe(0);
  });

  it('has another part, after extra bytes behind the end of a tar.gz: no tenant gets the source', async () => {
    const tar = files();
    const packed = Buffer.concat([gzipSync(tar), Buffer.alloc(200_000)]);
    const { body } = await send(bodyOf(job, named('source', packed), named('x', '')));
    expect(body.code).toBe('request_invalid');
    const { source: theirs } = (await send(whole(spec(), tar), { token: 'two' })).body;
    expect((await ask(`/v1/sources/${theirs.digest}`, 'two')).status).toBe(200);
    expect((await ask(`/v1/sources/${theirs.digest}`)).status).toBe(404);
    expect(await jobsOf('one')).toBe((before as unknown[])[1]);
  });

  it('without a length', async () => {
    for (const [size, fill, code] of [
      [maxSourceBytes + 1, 0, 'body_too_large'],
      [8 * maxSourceBytes, 0, 'body_too_large'],
      [1_000, 1, 'source_corrupt'],
    ] as const) {
      const bytes = bodyOf(job, named('source', Buffer.alloc(size, fill)));
      const pieces = Array.from({ length: Math.ceil(bytes.length / 50_000) }, (_, at) =>
        bytes.subarray(at * 50_000, (at + 1) * 50_000),
      );
      expect([size, (await send(ReadableStream.from(pieces))).body.code]).toEqual([size, code]);
      await nothingKept();
    }
  });

  it('when its connection ends with it', async () => {
    const bytes = bodyOf(job, source);
    const { port } = new URL(api.url);
    for (const length of [10, 150, bytes.length - 700, bytes.length - 10]) {
      const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
      socket.write(
        `POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer one\r\nContent-Type: ${formType}\r\n` +
          `Content-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`,
      );
      socket.end(bytes.subarray(0, length));
      expect(await textOf(socket)).toMatch(/^HTTP\/1\.1 400 .*"code":"body_incomplete"/s);
      await expect.poll(stored).toEqual((before as unknown[])[0]);
      await nothingKept();
    }
  });
});

it('a body that is neither JSON nor a form gets both types in the error', async () => {
  const { status, body } = await send('image=x', { type: 'application/x-www-form-urlencoded' });
  expect([status, body.detail]).toEqual([415, 'Send application/json or multipart/form-data.']);
});
