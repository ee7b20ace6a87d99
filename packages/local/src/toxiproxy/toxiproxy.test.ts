import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTool } from '../tools.js';
import type { FaultyProxy } from './faulty-proxy.js';
import { startToxiproxy, type ToxiproxyHandle } from './toxiproxy.js';

const answerBytes = 100_000;

const hasToxiproxy = process.env.CI !== undefined || findTool('toxiproxy-server') !== undefined;
describe.runIf(hasToxiproxy)('toxiproxy', () => {
  let server: Server;
  let toxiproxy: ToxiproxyHandle;
  let proxy: FaultyProxy;

  beforeAll(async () => {
    // Answers the first bytes of a connection and ends it.
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(Buffer.alloc(answerBytes)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    toxiproxy = await startToxiproxy();
    proxy = await toxiproxy.proxy('server', (server.address() as AddressInfo).port);
  });
  afterAll(async () => {
    await toxiproxy.stop();
    server.close();
  });

  test('passes all bytes, refuses connections while it is down, and heals', async () => {
    expect(await ask(proxy)).toMatchObject({ bytes: answerBytes });
    await proxy.down();
    await expect(ask(proxy)).rejects.toThrow('ECONNREFUSED');
    await proxy.heal();
    expect(await ask(proxy)).toMatchObject({ bytes: answerBytes });
  });

  test('cuts a connection after a number of bytes', async () => {
    await proxy.add({ kind: 'cut', afterBytes: 1_234 });
    expect(await ask(proxy)).toMatchObject({ bytes: 1_234 });
    await proxy.heal();
    expect(await ask(proxy)).toMatchObject({ bytes: answerBytes });
  });

  test.each([
    { kind: 'latency', ms: 300 },
    { kind: 'bandwidth', kilobytesPerSecond: 200 },
    { kind: 'slow_close', ms: 300 },
  ] as const)('$kind delays', async (fault) => {
    await proxy.add(fault);
    const { bytes, ms } = await ask(proxy);
    expect(bytes).toBe(answerBytes);
    // Timers may fire a millisecond early.
    expect(ms).toBeGreaterThanOrEqual(290);
    await proxy.heal();
  });

  test('passes nothing while it hangs', async () => {
    await proxy.add({ kind: 'hang' }, 'upstream');
    const controller = new AbortController();
    const asked = ask(proxy, controller.signal);
    setTimeout(() => controller.abort(), 300);
    await expect(asked).rejects.toThrow('aborted');
    await proxy.heal();
    expect(await ask(proxy)).toMatchObject({ bytes: answerBytes });
  });

  test('reports what the server refuses', async () => {
    await expect(toxiproxy.proxy('server', 1)).rejects.toThrow(/409.*already exists/);
  });
});

/** Sends one byte and reads to the end. */
async function ask({ port }: FaultyProxy, signal?: AbortSignal): Promise<{ bytes: number; ms: number }> {
  const started = performance.now();
  const socket = connect({ port, host: '127.0.0.1', ...(signal && { signal }) });
  socket.write('?');
  let bytes = 0;
  for await (const chunk of socket) bytes += (chunk as Buffer).length;
  return { bytes, ms: performance.now() - started };
}
