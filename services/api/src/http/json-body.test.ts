import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { SlipwayError } from '@slipway/shared/errors';
import { afterAll, describe, expect, it } from 'vitest';
import { parseJsonBytes, readJsonBytes } from './json-body.js';

const mebibyte = 1024 * 1024;
const bounds = { maxDepth: 8, maxTokens: 100, maxItems: 50 };

const server = createServer(async (request, response) => {
  const answer = await readJsonBytes({ body: request, maxBytes: 12 * mebibyte, bounds })
    .then((bytes) => ({ value: bytes && parseJsonBytes(bytes) }))
    .catch(({ code, message }: SlipwayError) => ({ code, message }));
  response.writeHead(200, { connection: 'close' }).end(JSON.stringify(answer));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

async function send(body: Buffer | string, headers: IncomingHttpHeaders = {}) {
  const { port } = server.address() as AddressInfo;
  const sending = sendRequest({ port, host: '127.0.0.1', method: 'POST', headers });
  // The answer may come before the whole body is sent.
  sending.on('error', () => undefined).end(body);
  const [response] = await once(sending, 'response');
  return JSON.parse(await text(response)) as { value?: unknown; code?: string; message?: string };
}

const gzip = { 'content-encoding': 'gzip' };
const value = { a: [1, 'ü', null] };
const json = JSON.stringify(value);

describe('the body of a request in JSON', () => {
  it.each<[string, Buffer | string, IncomingHttpHeaders]>([
    ['as it is', json, {}],
    ['with a byte order mark', `\ufeff${json}`, {}],
    ['with a charset', json, { 'content-type': 'application/json; charset="UTF-8"' }],
    ['in chunks', json, { 'transfer-encoding': 'chunked' }],
    ['as gzip', gzipSync(json), gzip],
    ['as GZIP, in capital letters', gzipSync(json), { 'content-encoding': ' GZIP' }],
    ['as gzip of two members', Buffer.concat([gzipSync(json.slice(0, 5)), gzipSync(json.slice(5))]), gzip],
    ['as deflate', deflateSync(json), { 'content-encoding': 'deflate' }],
    ['as br', brotliCompressSync(json), { 'content-encoding': 'br' }],
  ])('is accepted %s', async (_how, body, headers) => {
    expect(await send(body, headers)).toEqual({ value });
  });

  it('may be empty or missing', async () => {
    expect(await send('', { 'content-length': '0' })).toEqual({ value: {} });
    expect(await send(gzipSync(''), gzip)).toEqual({ value: {} });
  });

  it('is refused when it unpacks to too much, in any encoding', async () => {
    const large = Buffer.alloc(13 * mebibyte, ' ');
    const noise = Buffer.from(Array.from({ length: 400_000 }, () => Math.random()).join(' '.repeat(20)));
    const member = gzipSync(Buffer.alloc(mebibyte, ' '));
    const ratio = { code: 'body_too_large', message: 'The body unpacks to more than 200 times its size.' };
    const size = { code: 'body_too_large', message: `The body is larger than ${12 * mebibyte} bytes.` };
    expect(await send(large)).toEqual(size);
    expect(await send(large, { 'transfer-encoding': 'chunked' })).toEqual(size);
    // The body packs well enough to exceed the size, and badly enough to keep the ratio.
    const much = Buffer.from(`"${noise.toString('latin1')}"`);
    expect(much.length).toBeGreaterThan(12 * mebibyte);
    expect(await send(gzipSync(much, { level: 1 }), gzip)).toEqual(size);
    expect(await send(gzipSync(large), gzip)).toEqual(ratio);
    expect(await send(deflateSync(large), { 'content-encoding': 'deflate' })).toEqual(ratio);
    expect(await send(brotliCompressSync(large), { 'content-encoding': 'br' })).toEqual(ratio);
    expect(await send(Buffer.concat(Array<Buffer>(13).fill(member)), gzip)).toEqual(ratio);
  });

  it('is refused before any value is created when it holds too many', async () => {
    const tokens = { code: 'json_too_complex', message: 'The body has more than 100 keys and values.' };
    expect(await send(gzipSync(`{"items":[${'{"a":0},'.repeat(40)}{}]}`), gzip)).toEqual(tokens);
    expect(await send(`[${'0,'.repeat(50)}0]`)).toMatchObject({
      message: 'The body has an array of more than 50 items.',
    });
    expect(await send('['.repeat(9))).toMatchObject({ message: 'The body has more than 8 levels.' });
  });

  it.each<[string, Buffer | string, IncomingHttpHeaders, string]>([
    ['no JSON', '{', {}, 'json_invalid'],
    ['a value alone', '"a"', {}, 'json_invalid'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 'json_invalid'],
    ['another charset', json, { 'content-type': 'application/json; charset=utf-16' }, 'json_invalid'],
    ['no gzip', json, gzip, 'json_invalid'],
    ['gzip that ends too early', gzipSync(json).subarray(0, 20), gzip, 'json_invalid'],
    ['br that is none', json, { 'content-encoding': 'br' }, 'json_invalid'],
    [
      'packed twice',
      gzipSync(gzipSync(json)),
      { 'content-encoding': 'gzip, gzip' },
      'media_type_unsupported',
    ],
    ['a name of every object', json, { 'content-encoding': 'constructor' }, 'media_type_unsupported'],
    ['an unknown encoding', json, { 'content-encoding': 'zstd' }, 'media_type_unsupported'],
  ])('is refused when it is %s', async (_what, body, headers, code) => {
    expect(await send(body, headers)).toMatchObject({ code });
  });
});
