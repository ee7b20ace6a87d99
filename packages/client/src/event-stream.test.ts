import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { createClient } from './index.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a followed stream ends when it is aborted, long after its request was sent', async () => {
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('event: batch\ndata: {"id":"batch_1"}\n\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const client = createClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: 'x',
  });
  const leaving = new AbortController();
  const events = client.followBatch({ id: 'batch_1', signal: leaving.signal });
  expect((await events.next()).value).toMatchObject({ batch: { id: 'batch_1' } });
  const next = events.next();
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  const reason = new Error('left');
  leaving.abort(reason);
  await expect(next).rejects.toBe(reason);
});
