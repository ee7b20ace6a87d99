import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { freePort } from '@slipway/local';
import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Received, startReceiver } from './receiver.js';

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const other = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;

const onDefect = (error: unknown) => {
  throw error;
};

async function receiver(forwardTo?: URL) {
  const received: Received[] = [];
  const made = await startReceiver({ port: 0, forwardTo, onReceived: (one) => received.push(one), onDefect });
  made.verifyWith(secret);
  onTestFinished(() => made.close());
  return { url: `http://127.0.0.1:${made.port}/`, received };
}

interface Send {
  readonly id?: string;
  readonly signedWith?: readonly string[];
  /** Age of the message in seconds. */
  readonly age?: number;
  readonly body?: string;
}

function send(
  url: string,
  { id = 'msg_1', signedWith = [secret], age = 0, body = '{"type":"x"}' }: Send = {},
) {
  const at = new Date(Date.now() - age * 1_000);
  const signature = signedWith.map((key) => new Webhook(key).sign(id, at, body)).join(' ');
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': signature,
    },
    body,
    redirect: 'manual',
  });
}

/** Starts a program that messages are forwarded to, and records them. */
async function program(status: number, headers: Record<string, string> = {}) {
  const got: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer(async (req, res) => {
    got.push({ headers: req.headers, body: await text(req) });
    res.writeHead(status, { 'content-type': 'text/plain', ...headers }).end('what it says');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`), got };
}

describe('a message', () => {
  test('with a valid signature is accepted, and a retry is distinguished from a new message', async () => {
    const { url, received } = await receiver();
    expect((await send(url)).status).toBe(204);
    expect((await send(url)).status).toBe(204);
    expect((await send(url, { id: 'msg_2', signedWith: [other, secret] })).status).toBe(204);
    expect(received.map(({ id, again, refused, message }) => ({ id, again, refused, message }))).toEqual([
      { id: 'msg_1', again: false, refused: undefined, message: { type: 'x' } },
      { id: 'msg_1', again: true, refused: undefined, message: { type: 'x' } },
      { id: 'msg_2', again: false, refused: undefined, message: { type: 'x' } },
    ]);
  });

  test.each<[string, Send, RegExp]>([
    ['signed with another secret', { signedWith: [other] }, /another secret/],
    ['not signed', { signedWith: [] }, /not signed/],
    ['six minutes old', { age: 360 }, /more than five minutes ago/],
    ['of the future', { age: -360 }, /a clock is wrong/],
  ])('that is %s is refused, and not forwarded', async (_, how, why) => {
    const behind = await program(200);
    const { url, received } = await receiver(behind.url);
    expect((await send(url, how)).status).toBe(401);
    expect(received[0]?.refused).toMatch(why);
    expect(behind.got).toEqual([]);
    // A refused message is not remembered as seen.
    await send(url);
    expect(received[1]?.again).toBe(false);
  });

  test('that is too long is refused', async () => {
    const { url, received } = await receiver();
    const status = await send(url, { body: 'x'.repeat(1024 * 1024 + 1) }).then(
      (answer) => answer.status,
      () => 413,
    );
    expect({ status, received }).toEqual({ status: 413, received: [] });
  });

  test('of another method is refused', async () => {
    const { url } = await receiver();
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('forwarding', () => {
  test('passes the message on so that the program can verify it, and returns the answer', async () => {
    const behind = await program(503, { 'retry-after': '7' });
    const { url, received } = await receiver(behind.url);
    const answer = await send(url);
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      ...[503, '7', 'what it says'],
    ]);
    const [got] = behind.got;
    expect(new Webhook(secret).verify(got?.body ?? '', got?.headers as Record<string, string>)).toEqual({
      type: 'x',
    });
    expect(got?.headers).toMatchObject({ 'content-type': 'application/json', host: behind.url.host });
    expect(received[0]).toMatchObject({ status: 503, forwarded: { status: 503, error: undefined } });
  });

  test('returns an answer without a body', async () => {
    const { url } = await receiver((await program(204)).url);
    expect((await send(url)).status).toBe(204);
  });

  test('follows no redirect', async () => {
    const behind = await program(302, { location: '/elsewhere' });
    const { url } = await receiver(behind.url);
    expect((await send(url)).status).toBe(302);
    expect(behind.got).toHaveLength(1);
  });

  test('to where nothing listens is answered with 502', async () => {
    const { url, received } = await receiver(new URL(`http://127.0.0.1:${await freePort()}/`));
    expect((await send(url)).status).toBe(502);
    expect(received[0]?.forwarded).toMatchObject({
      status: undefined,
      error: 'nothing listens there (ECONNREFUSED)',
    });
  });
});

test('a sender that disconnects midway causes no error', async () => {
  const { url, received } = await receiver();
  const broken = connect(Number(new URL(url).port), '127.0.0.1');
  broken.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
  broken.destroySoon();
  await once(broken, 'close');
  expect([(await send(url)).status, received.length]).toEqual([204, 1]);
});

test('an unexpected error is reported', async () => {
  const defects: unknown[] = [];
  const made = await startReceiver({
    ...{ port: 0, forwardTo: undefined, onDefect: (error: unknown) => defects.push(error) },
    onReceived() {
      throw new Error('cannot be printed');
    },
  });
  onTestFinished(() => made.close());
  made.verifyWith(secret);
  await send(`http://127.0.0.1:${made.port}/`).catch(() => undefined);
  expect(defects).toEqual([new Error('cannot be printed')]);
});

test('a message that arrives before the secret is set waits for it', async () => {
  const made = await startReceiver({ port: 0, forwardTo: undefined, onReceived: () => undefined, onDefect });
  onTestFinished(() => made.close());
  const early = send(`http://127.0.0.1:${made.port}/`);
  made.verifyWith(secret);
  expect((await early).status).toBe(204);
});

test('a port in use is an error', async () => {
  const { url } = await receiver();
  const port = Number(new URL(url).port);
  await expect(
    startReceiver({ port, forwardTo: undefined, onReceived: () => undefined, onDefect }),
  ).rejects.toThrow('EADDRINUSE');
});
