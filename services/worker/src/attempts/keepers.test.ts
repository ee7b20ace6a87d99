import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { engineHeader, featuresHeader } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { Agent } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { Keepers } from './keepers.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const dispatcher = new Agent();
let server: Server;
let url: string;
let headers: Readonly<Record<string, string>>;
let asked: number;
let registry: ReplicaRegistry;
beforeAll(async () => {
  server = createServer((_req, res) => {
    asked++;
    res.writeHead(200, headers).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await dispatcher.close();
  await cleanups.run(logger);
});
beforeEach(async () => {
  asked = 0;
  const redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
  registry = new ReplicaRegistry({ redis, keys: redisKeys(`keepers-${randomUUID()}`) });
  await registry.announce([{ url, max: 4, pool: 'default', platforms: [] }]);
});

it('a replica whose answer is unknown is asked once, and its features are recorded', async () => {
  headers = { [engineHeader]: 'buildkit', [featuresHeader]: 'attachable-builds' };
  const keepers = new Keepers({ registry, dispatcher, logger, now: () => 0 });
  expect([await keepers.keepsBuilds(url), await keepers.keepsBuilds(url)]).toEqual([true, true]);
  expect(asked).toBe(1);
  expect((await registry.get(url))?.features).toContain('attachable-builds');
});

it('a replica that keeps no builds is looked up again after five seconds', async () => {
  headers = {};
  let now = 0;
  const keepers = new Keepers({ registry, dispatcher, logger, now: () => now });
  expect(await keepers.keepsBuilds(url)).toBe(false);
  // Recorded by a worker that asked for its health, as after an update of the builder.
  await registry.setEngine(url, 'buildkit', ['attachable-builds']);
  now = 4_999;
  expect(await keepers.keepsBuilds(url)).toBe(false);
  now = 5_000;
  expect(await keepers.keepsBuilds(url)).toBe(true);
  expect(asked).toBe(1);
});
