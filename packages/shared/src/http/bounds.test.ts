import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../logger/index.js';
import { notFoundHandler, problemHandler } from './problems.js';
import { httpServer } from './server.js';
import { defaultHttpSettings, type HttpSettings } from './settings.js';

const logger = createLogger({ name: 'test', level: 'silent' });

async function start(
  settings: Partial<HttpSettings>,
  options: { readonly isProxy?: (address: string) => boolean } = {},
) {
  const app = express();
  const received: number[] = [];
  app.post('/bytes', async (req, res) => {
    let bytes = 0;
    for await (const chunk of req.iterator({ destroyOnReturn: false })) bytes += chunk.length;
    received.push(bytes);
    res.json({ bytes });
  });
  app.post('/later', async (req, res) => {
    // Delays the read, as a busy handler does.
    await sleep(1_500);
    let bytes = 0;
    for await (const chunk of req) bytes += chunk.length;
    res.json({ bytes });
  });
  app.get('/waits', (_req, res) => {
    res.write('first');
    setTimeout(() => res.end(' and last'), 1_500);
  });
  app.use(notFoundHandler, problemHandler(logger));
  const stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const port = await new Promise<number>((resolve) => {
    running = httpServer({
      ...{ name: 'test', app, port: 0, host: '127.0.0.1', logger, onListening: resolve },
      settings: { ...defaultHttpSettings, ...settings },
      ...options,
    }).run(stop.signal);
  });
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  return { port, url: `http://127.0.0.1:${port}`, received };
}

/** Sends the parts, and returns everything that the server sends until it closes the connection. */
async function raw(port: number, ...parts: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.setEncoding('latin1');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  for (const part of parts) socket.write(part);
  // A server that has answered may reset the connection while the client still sends.
  await once(socket, 'close').catch(() => undefined);
  return text;
}

const refusal = (text: string) => ({
  status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]),
  type: /^content-type: (.*)$/im.exec(text)?.[1]?.trim(),
  code: (JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as { code: string }).code,
});
const problem = (status: number, code: string) => ({ status, type: 'application/problem+json', code });

describe('a server limits clients', () => {
  it('to headers in time', async () => {
    const { port } = await start({ headersTimeoutMs: 200 });
    const text = await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    expect(refusal(text)).toEqual(problem(408, 'headers_too_slow'));
    expect(await raw(port)).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  it('to headers of limited size', async () => {
    const { port } = await start({ maxHeaderBytes: 4_096 });
    const text = await raw(port, `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(5_000)}\r\n\r\n`);
    expect(refusal(text)).toEqual(problem(431, 'headers_too_large'));
  });

  it('to HTTP with a host and without unknown expectations', async () => {
    const { port } = await start({});
    expect(refusal(await raw(port, 'SSH-2.0-x\r\n\r\n'))).toEqual(problem(400, 'request_invalid'));
    expect(refusal(await raw(port, 'GET / HTTP/1.1\r\n\r\n'))).toEqual(problem(400, 'request_invalid'));
    const expecting = 'GET / HTTP/1.1\r\nHost: x\r\nExpect: 999-nothing\r\nConnection: close\r\n\r\n';
    expect(refusal(await raw(port, expecting))).toEqual(problem(417, 'request_invalid'));
  });

  it('to bodies that keep a pace', async () => {
    const { port, received } = await start({ bodyGraceMs: 150, minBodyBytesPerSecond: 1_000 });
    for (const begin of [
      'POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na',
      'POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n',
      // The server answers before it reads the body, and the rest of the body must not hold the connection.
      'POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na',
    ]) {
      const text = await raw(port, begin);
      if (begin.includes('/nowhere')) expect(text).toMatch(/^HTTP\/1\.1 404 /);
      else expect(refusal(text)).toEqual(problem(408, 'body_too_slow'));
    }
    expect(received).toEqual([]);
  });

  it('to a maximum of connections', async () => {
    const { port, url } = await start({ maxConnections: 1 });
    const first = connect({ port, host: '127.0.0.1' });
    await once(first, 'connect');
    await expect(request(url)).rejects.toThrow();
    first.destroy();
    await expect.poll(() => request(url).then((answer) => answer.statusCode, String)).toBe(404);
  });
});

describe('connections of one network', () => {
  const open = async (port: number, count: number, localAddress: string) => {
    const sockets = Array.from({ length: count }, () => connect({ port, host: '127.0.0.1', localAddress }));
    const closed = sockets.map((socket) =>
      once(
        socket.on('error', () => undefined),
        'close',
      ),
    );
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.resume();
    return { sockets, closed, left: () => sockets.filter((socket) => !socket.closed).length };
  };

  it('are closed beyond its cap, and leave the connections of other networks', async () => {
    const { port, url } = await start({ maxConnectionsPerNetwork: 3, headersTimeoutMs: 60_000 });
    const idle = await open(port, 10, '127.0.0.2');
    await expect.poll(idle.left).toBe(3);
    expect((await request(url)).statusCode).toBe(404);
    // Closed connections make room.
    for (const socket of idle.sockets) socket.destroy();
    await Promise.all(idle.closed);
    await expect.poll(async () => (await open(port, 1, '127.0.0.2')).left()).toBe(1);
  });

  it('are not capped for a trusted proxy', async () => {
    const isProxy = (address: string) => address === '127.0.0.3';
    const { port } = await start({ maxConnectionsPerNetwork: 3, headersTimeoutMs: 60_000 }, { isProxy });
    const proxy = await open(port, 10, '127.0.0.3');
    const other = await open(port, 10, '127.0.0.2');
    await expect.poll(other.left).toBe(3);
    expect(proxy.left()).toBe(10);
  });
});

describe('a server allows', () => {
  it('a body that takes far longer than any timeout, as long as it continues', async () => {
    const { url } = await start({ bodyGraceMs: 100, headersTimeoutMs: 600, minBodyBytesPerSecond: 100 });
    const body = new PassThrough();
    const sending = (async () => {
      for (let sent = 0; sent < 40; sent++) {
        body.write(Buffer.alloc(500));
        await sleep(20);
      }
      body.end();
    })();
    const answer = await request(`${url}/bytes`, { method: 'POST', body });
    await sending;
    expect(await answer.body.json()).toEqual({ bytes: 20_000 });
  });

  it('its own slowness: a received body has no pace while it waits to be read', async () => {
    const { url } = await start({ bodyGraceMs: 1_000, minBodyBytesPerSecond: 1_000 });
    const answer = await request(`${url}/later`, { method: 'POST', body: Buffer.alloc(300_000) });
    expect([answer.statusCode, await answer.body.json()]).toEqual([200, { bytes: 300_000 }]);
  });

  it('long answers', async () => {
    const { url } = await start({ bodyGraceMs: 50, headersTimeoutMs: 1_000, keepAliveTimeoutMs: 50 });
    const answer = await request(`${url}/waits`);
    expect(await answer.body.text()).toBe('first and last');
  });
});
