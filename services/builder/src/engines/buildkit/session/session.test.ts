import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Connection } from '../protocol/connection.js';
import { frame, messagesOf } from '../protocol/grpc.js';
import { healthResponse, secretRequest, secretResponse } from '../protocol/messages.js';
import { Tunnel } from '../protocol/tunnel.js';
import { Session, unary } from './session.js';

/** A daemon that opens calls in the session, as BuildKit does. */
let daemon: ClientHttp2Session;
let session: Session;
const stops: (() => unknown)[] = [];
beforeAll(async () => {
  const folder = await temporaryFolder();
  const server = createServer();
  stops.push(
    () => server.close(),
    () => folder.remove(),
  );
  const path = join(folder.path, 'daemon.sock');
  await once(server.listen(path), 'listening');
  const connection = new Connection(`unix://${path}`);
  stops.push(() => connection.close());
  const called = once(server, 'stream');
  session = new Session({
    connection,
    handlers: {
      '/Test/Close': async () => session.close(),
      '/Test/Echo': unary({
        request: secretRequest,
        response: secretResponse,
        answer: ({ id }) => {
          if (id === '') throw new Error('no id');
          return { data: Buffer.from(id) };
        },
      }),
    },
  });
  const [stream] = await called;
  stream.respond({ 'content-type': 'application/grpc' });
  daemon = connect('http://session', { createConnection: () => new Tunnel(stream) });
  daemon.on('error', () => undefined);
  stops.push(() => daemon.destroy());
});
afterAll(async () => {
  session.close();
  for (const stop of stops.reverse()) await stop();
});

async function call(path: string, id = '') {
  const stream = daemon.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  stream.end(frame(secretRequest, { id }));
  const ended = once(stream, 'trailers');
  const answers: string[] = [];
  for await (const bytes of messagesOf(stream, secretResponse))
    answers.push(Buffer.from(bytes.data).toString());
  const [headers] = await ended;
  return { answers, status: Number(headers['grpc-status']), message: headers['grpc-message'] };
}

test('calls are answered, and errors are their status', async () => {
  const large = 'ä'.repeat(300_000);
  expect(await call('/Test/Echo', large)).toMatchObject({ answers: [large], status: 0 });
  expect(await call('/Test/Unknown')).toMatchObject({ answers: [], status: 12 });
  expect(await call('/Test/Echo')).toMatchObject({ answers: [], status: 13, message: 'no id' });
  expect(session.fault).toMatchObject({ message: 'no id' });
});

test('the session says that it lives', async () => {
  const stream = daemon.request({ ':method': 'POST', ':path': '/grpc.health.v1.Health/Check' });
  stream.end(frame(secretRequest, {}));
  const answers = [];
  for await (const answer of messagesOf(stream, healthResponse)) answers.push(answer);
  expect(answers).toEqual([{ status: 1 }]);
});

// The last one: it ends the session.
test('a session that ends leaves the calls of that moment unanswered', async () => {
  const calls = ['/Test/Close', '/Test/Echo'].map((path) => {
    const stream = daemon.request({ ':method': 'POST', ':path': path });
    stream.on('error', () => undefined);
    return once(stream, 'close');
  });
  await Promise.all(calls);
  expect(daemon.closed).toBe(true);
});
