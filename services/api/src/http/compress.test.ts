import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it, test } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
let jobId: string;
let token: string;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
  token = fleet.mine;
  for (let at = 0; at < 5; at++) jobId = (await fleet.submit({ labels: { number: String(at) } })).id;
});
afterAll(() => fleet?.stop());

/** Returns the raw answer: `fetch` unpacks answers and adds an Accept-Encoding of its own. */
async function ask(path: string, headers: Record<string, string>, method = 'GET') {
  const sent = request(fleet.api.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
  }).end();
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve).on('error', reject);
  });
  const body = await buffer(answer);
  return { status: answer.statusCode, headers: answer.headers, body };
}

const unpack = {
  br: brotliDecompressSync,
  gzip: gunzipSync,
  deflate: inflateSync,
};
type Encoding = keyof typeof unpack;

describe('a long answer in JSON', () => {
  it.each<[string, Encoding]>([
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['br', 'br'],
    ['deflate', 'deflate'],
    ['gzip, deflate, br', 'br'],
    ['br;q=0.2, gzip;q=0.9', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['*', 'br'],
    ['identity;q=0.1, gzip', 'gzip'],
  ])('is compressed for `Accept-Encoding: %s`', async (accepted, encoding) => {
    const plain = await ask('/v1/jobs', {});
    const { status, headers, body } = await ask('/v1/jobs', { 'accept-encoding': accepted });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-encoding': encoding,
      'content-type': 'application/json; charset=utf-8',
      vary: 'Accept-Encoding',
      etag: plain.headers.etag,
      'cache-control': 'no-store',
    });
    expect(headers).not.toHaveProperty('content-length');
    expect(unpack[encoding](body)).toEqual(plain.body);
    expect(body.length).toBeLessThan(plain.body.length / 2);
  });

  it.each([undefined, '', 'identity', '*;q=0', 'gzip;q=0', 'identity, *;q=0', 'compress', 'x-unknown'])(
    'is plain for `Accept-Encoding: %s`',
    async (accepted) => {
      const given: Record<string, string> = accepted === undefined ? {} : { 'accept-encoding': accepted };
      const { status, headers, body } = await ask('/v1/jobs', given);
      expect(status).toBe(200);
      expect(headers).toMatchObject({ 'content-length': String(body.length), vary: 'Accept-Encoding' });
      expect(headers).not.toHaveProperty('content-encoding');
      expect(JSON.parse(body.toString()).jobs).toHaveLength(5);
    },
  );

  test('has one ETag for each encoding: 304 to each, with the same Vary', async () => {
    const { headers } = await ask('/v1/jobs', { 'accept-encoding': 'gzip' });
    const { etag } = headers;
    for (const accepted of ['gzip', 'br', 'identity']) {
      const same = await ask('/v1/jobs', { 'accept-encoding': accepted, 'if-none-match': String(etag) });
      expect([accepted, same.status, same.body.length]).toEqual([accepted, 304, 0]);
      expect(same.headers).toMatchObject({ etag, vary: 'Accept-Encoding' });
      expect(same.headers).not.toHaveProperty('content-encoding');
    }
  });

  test('has no length in the answer to HEAD that a GET would not have', async () => {
    const plain = await ask('/v1/jobs', {}, 'HEAD');
    const { body } = await ask('/v1/jobs', {});
    expect([plain.status, plain.headers['content-length']]).toEqual([200, String(body.length)]);
    const packed = await ask('/v1/jobs', { 'accept-encoding': 'gzip' }, 'HEAD');
    expect([packed.status, packed.body.length, packed.headers.vary]).toEqual([200, 0, 'Accept-Encoding']);
    expect(packed.headers).not.toHaveProperty('content-length');
    expect(packed.headers).not.toHaveProperty('content-encoding');
  });
});

test('the OpenAPI document is compressed', async () => {
  const { headers, body } = await ask('/openapi.json', { 'accept-encoding': 'gzip' });
  expect(headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
  expect(JSON.parse(gunzipSync(body).toString())).toHaveProperty('openapi');
});

test('an answer replayed for an Idempotency-Key is compressed by the Accept-Encoding of the request', async () => {
  const labels = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`label-${at}`, 'x'.repeat(40)]));
  const files = { Dockerfile: 'FROM scratch\n' };
  const submit = (encoding: string) =>
    fetch(`${fleet.api.url}/v1/jobs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': 'compressed',
        'accept-encoding': encoding,
      },
      body: JSON.stringify({ image: 'r.example/packed:1', source: { files }, labels }),
    });
  const answers = [];
  for (const encoding of ['gzip', 'identity', 'br']) {
    const answer = await submit(encoding);
    answers.push({ ...((await answer.json()) as object), encoding: answer.headers.get('content-encoding') });
  }
  const [first] = answers;
  expect(first).toMatchObject({ state: 'queued', encoding: 'gzip' });
  expect(answers).toEqual([first, { ...first, encoding: null }, { ...first, encoding: 'br' }]);
});

describe('these answers are never compressed:', () => {
  const accepted = { 'accept-encoding': 'gzip, br' };
  it.each([
    ['a short answer', '/healthz', {}],
    ['a problem', '/v1/jobs/none', {}],
    ['a log as text', () => `/v1/jobs/${jobId}/logs`, {}],
    ['a log as NDJSON', () => `/v1/jobs/${jobId}/logs`, { accept: 'application/x-ndjson' }],
    ['a log as events', () => `/v1/jobs/${jobId}/logs?follow=0`, { accept: 'text/event-stream' }],
  ] as const)('%s', async (_what, path, headers) => {
    const { headers: given } = await ask(typeof path === 'string' ? path : path(), {
      ...accepted,
      ...headers,
    });
    expect(given).not.toHaveProperty('content-encoding');
  });

  test('a source as an archive', async () => {
    const digest = await fleet.upload({ Dockerfile: `FROM scratch\n# ${'x'.repeat(10_000)}\n` });
    const { headers, body } = await ask(`/v1/sources/${digest}`, {
      ...accepted,
      accept: 'application/x-tar',
    });
    expect(headers['content-type']).toBe('application/x-tar');
    expect(headers).not.toHaveProperty('content-encoding');
    expect(body.length).toBeGreaterThan(10_000);
  });

  test('followed events, which arrive as they happen', async () => {
    const leaving = new AbortController();
    const answer = await fetch(`${fleet.api.url}/v1/events`, {
      headers: { ...accepted, authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      signal: leaving.signal,
    });
    expect(answer.headers.get('content-encoding')).toBeNull();
    const job = await fleet.submit({});
    const reader = answer.body?.getReader();
    let seen = '';
    while (!seen.includes(job.id)) seen += new TextDecoder().decode((await reader?.read())?.value);
    leaving.abort();
  });
});
