import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import express, { type Response } from 'express';
import { expect, test } from 'vitest';
import { closedSignal, isSent } from './connection.js';

/** Sends a request, disconnects once the server has it, and calls `handle` with the answer after that. */
async function afterDisconnect<T>(handle: (res: Response) => T): Promise<T> {
  const server = express()
    .get('/', (_req, res) => {
      server.emit('answer', res);
    })
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [res] = (await once(server, 'answer')) as [Response];
  client.destroy();
  await once(res, 'close');
  try {
    return await handle(res);
  } finally {
    server.close();
  }
}

test('a client that disconnected before the signal was asked for is seen', async () => {
  expect(await afterDisconnect((res) => closedSignal(res).aborted)).toBe(true);
});

test('an answer that its client did not wait for is not sent', async () => {
  expect(
    await afterDisconnect(async (res) => {
      const closed = closedSignal(res);
      res.end('late');
      return await isSent(res, closed);
    }),
  ).toBe(false);
});
