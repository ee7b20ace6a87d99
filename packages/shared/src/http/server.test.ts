import express from 'express';
import { Agent, request } from 'undici';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../logger/index.js';
import { httpServer } from './server.js';

const logger = createLogger({ name: 'test', level: 'silent' });

async function start(lingerMs: number) {
  const app = express();
  app.get('/', (_req, res) => {
    res.send('here');
  });
  let finish = () => {};
  app.get('/slow', (_req, res) => {
    res.write('begun');
    finish = () => res.end();
  });
  const stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const port = await new Promise<number>((resolve) => {
    const server = httpServer({
      ...{ name: 'test', app, port: 0, host: '127.0.0.1', logger, lingerMs },
      onListening: resolve,
    });
    running = server.run(stop.signal);
  });
  return { url: `http://127.0.0.1:${port}/`, stop: () => stop.abort(), running, finish: () => finish() };
}

describe('a stopping HTTP server', () => {
  it('still answers on open connections, and closes them with a header', async () => {
    const server = await start(60_000);
    const dispatcher = new Agent({ connections: 1 });
    const ask = async () => {
      const { statusCode, headers, body } = await request(server.url, { dispatcher });
      return [statusCode, headers.connection, await body.text()];
    };
    expect(await ask()).toEqual([200, 'keep-alive', 'here']);
    server.stop();
    expect(await ask()).toEqual([200, 'close', 'here']);
    // No client is connected any more, so the server does not wait for the full minute.
    await server.running;
    await dispatcher.close();
  });

  it('does not wait for connections that stay idle', async () => {
    const server = await start(0);
    const dispatcher = new Agent({ connections: 1 });
    await (await request(server.url, { dispatcher })).body.dump();
    server.stop();
    await server.running;
    await dispatcher.close();
  });

  it('does not wait for connections that become idle when their answer ends', async () => {
    const server = await start(0);
    const dispatcher = new Agent({ connections: 1 });
    const { headers, body } = await request(`${server.url}slow`, { dispatcher });
    expect(headers.connection).toBe('keep-alive');
    server.stop();
    const refused = () =>
      request(server.url).then(
        ({ body }) => body.dump(),
        (error) => error.message,
      );
    await expect.poll(refused).toContain('ECONNREFUSED');
    server.finish();
    await body.dump();
    await server.running;
    await dispatcher.close();
  });
});
