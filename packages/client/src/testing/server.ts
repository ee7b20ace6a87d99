import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished } from 'vitest';
import { createClient } from '../index.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Handler = (seen: Seen, res: ServerResponse, count: number) => unknown;

/** Starts an HTTP server that answers with `handler` and records its requests. It stops at the end of the test. */
export async function serve(handler: Handler, { port = 0, readBody = true } = {}) {
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
  onTestFinished(close);
  const bound = (server.address() as AddressInfo).port;
  return { seen, close, port: bound, client: clientOf(bound) };
}

const clientOf = (port: number) =>
  createClient({ url: `http://127.0.0.1:${port}/`, token: 'tok', firstDelayMs: 5 });
export const json = (res: ServerResponse, status: number, value: unknown) =>
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
export const problem = (res: ServerResponse, status: number, code: string, headers = {}) =>
  res
    .writeHead(status, { 'content-type': 'application/problem+json; charset=utf-8', ...headers })
    .end(JSON.stringify({ code, status, title: 't', detail: `detail of ${code}`, remedy: 'do this' }));
export const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => expect.unreachable(`it resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
export const spec = { image: 'r.example/x:1', source: { digest: `sha256:${'0'.repeat(64)}` } };
export const job = (state: string) => ({ id: 'job_1', state });
