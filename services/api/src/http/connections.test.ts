import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort } from '@slipway/local';
import { defaultHttpSettings } from '@slipway/shared/http';
import { expect, inject, it, onTestFinished } from 'vitest';
import { startApi } from '../testing/start-api.js';

const http = { ...defaultHttpSettings, maxConnections: 20, maxConnectionsPerNetwork: 5 };

it('clients that take all connections do not block health checks, and a trusted proxy has no limit of its own', async () => {
  const healthPort = await freePort();
  const api = await startApi(inject('redisUrl'), { http, healthPort, trustedProxies: ['127.0.0.3'] });
  onTestFinished(() => api.stop());
  const port = Number(new URL(api.url).port);
  const open = async (localAddress: string) => {
    const sockets = Array.from({ length: 30 }, () => connect({ port, host: '127.0.0.1', localAddress }));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    await Promise.all(
      sockets.map(async (socket) => {
        socket.on('error', () => undefined).resume();
        await once(socket, 'connect');
      }),
    );
    return () => sockets.filter((socket) => !socket.closed).length;
  };
  const ofClient = await open('127.0.0.2');
  await expect.poll(ofClient).toBe(5);
  const ofProxy = await open('127.0.0.3');
  await expect.poll(() => ofClient() + ofProxy()).toBeLessThanOrEqual(20);
  expect(ofProxy()).toBeGreaterThan(10);
  // No connection is left.
  await once(connect({ port, host: '127.0.0.1' }).resume(), 'close');
  for (const path of ['/healthz', '/readyz']) {
    expect((await fetch(`http://127.0.0.1:${healthPort}${path}`)).status).toBe(200);
  }
});
