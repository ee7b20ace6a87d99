import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { instanceHeader } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { Agent } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { HealthMonitor } from './health.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const dispatcher = new Agent({ connections: null, pipelining: 1 });
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(async () => {
  await dispatcher.destroy();
  await cleanups.run(logger);
});

/** Starts a replica that answers with `listener`, and returns its URL. */
async function replica(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Fleet {
  readonly urls: readonly string[];
  readonly everyMs?: number;
  readonly atOnce?: number;
}

/** Announces replicas. `check` starts checks, and returns a function that stops them. `recorded` counts what was written about each. */
async function fleet({ urls, everyMs = 20, atOnce = 256 }: Fleet) {
  const keys = redisKeys(randomUUID());
  const registry = new ReplicaRegistry({ redis, keys });
  const named = urls.map((url) => ({ url, max: 1, pool: 'default', platforms: [] }));
  await registry.announce(named);
  const recorded: string[] = [];
  const noting = new Proxy(registry, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (String(name).startsWith('set')) recorded.push(`${String(name)} ${String(args[0])}`);
        return value.apply(target, args) as unknown;
      };
    },
  });
  const discovery = { replicas: () => named };
  const monitor = new HealthMonitor({ registry: noting, discovery, dispatcher, logger, everyMs, atOnce });
  const check = () => {
    const stopping = new AbortController();
    const running = monitor.run(stopping.signal);
    const stop = async () => {
      stopping.abort();
      await running;
    };
    onTestFinished(stop);
    return stop;
  };
  return { keys, registry, recorded, check, stateOf: (url: string) => registry.get(url) };
}

describe('the health checks', () => {
  test('record a finding when it changes, and not at each check', async () => {
    let [asked, status] = [0, 200];
    const url = await replica((request, response) => {
      if (request.url === '/ready') asked++;
      response.writeHead(request.url === '/ready' ? status : 404);
      response.end(status === 429 ? '{"code":"builder_busy"}' : '');
    });
    const { recorded, check, stateOf } = await fleet({ urls: [url] });
    check();
    await expect.poll(() => asked).toBeGreaterThan(10);
    const writes = ['setEngine', 'setReadiness', 'setPublicKey'].map((name) => `${name} ${url}`);
    expect(recorded).toEqual(writes);
    expect(await stateOf(url)).toMatchObject({ health: 'up', readiness: 'ready' });
    status = 429;
    await expect.poll(async () => (await stateOf(url))?.readiness).toBe('full');
    const before = asked;
    await expect.poll(() => asked).toBeGreaterThan(before + 10);
    expect(recorded).toEqual([...writes, `setReadiness ${url}`]);
  });

  test('record everything again for another process at the address, and when a worker begins to lead', async () => {
    let [asked, instance] = [0, 'one'];
    const url = await replica((request, response) => {
      if (request.url === '/ready') asked++;
      response.setHeader(instanceHeader, instance).end('{}');
    });
    const { keys, recorded, check, stateOf } = await fleet({ urls: [url] });
    const stop = check();
    await expect.poll(() => asked).toBeGreaterThan(3);
    expect(recorded).toHaveLength(3);
    instance = 'two';
    await expect.poll(() => recorded).toHaveLength(6);
    await stop();
    // Another leader recorded something else meanwhile.
    await redis.hset(keys.replica(url), 'health', 'down');
    check();
    await expect.poll(async () => (await stateOf(url))?.health).toBe('up');
  });

  test('find a dead replica, and check the others meanwhile', async () => {
    const asked = { hanging: 0, other: 0 };
    const hanging = await replica(() => void asked.hanging++);
    const other = await replica((_request, response) => {
      asked.other++;
      response.end();
    });
    const { check, stateOf, recorded } = await fleet({ urls: [hanging, other] });
    check();
    await expect.poll(() => asked.hanging).toBe(1);
    const before = asked.other;
    await expect.poll(() => asked.other).toBeGreaterThan(before + 10);
    expect(asked.hanging).toBe(1);
    const state = async () => (await stateOf(hanging))?.health;
    await expect.poll(state, { timeout: 30_000, interval: 100 }).toBe('down');
    expect(recorded.filter((line) => line === `setHealth ${hanging}`)).toHaveLength(1);
  });

  test('run at most as many at once as they may, and reach every replica', async () => {
    let [open, most] = [0, 0];
    const asked = new Set<string>();
    const urls = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const url: string = await replica((request, response) => {
          if (request.url !== '/ready') return response.end();
          asked.add(url);
          most = Math.max(most, ++open);
          return setTimeout(() => {
            open--;
            response.end();
          }, 20);
        });
        return url;
      }),
    );
    const { check } = await fleet({ urls, everyMs: 1, atOnce: 4 });
    check();
    await expect.poll(() => asked.size).toBe(30);
    expect(most).toBeLessThanOrEqual(4);
  });

  test('end when Redis refuses a finding, and record it in the next run', async () => {
    const url = await replica((_request, response) => response.end());
    const { keys, registry, check } = await fleet({ urls: [url] });
    const record = keys.replica(url);
    await redis.set(record, 'no hash');
    const monitor = new HealthMonitor({
      ...{ registry, dispatcher, logger, everyMs: 20 },
      discovery: { replicas: () => [{ url, max: 1, pool: 'default', platforms: [] }] },
    });
    await expect(monitor.run(new AbortController().signal)).rejects.toThrow(/WRONGTYPE/);
    await redis.del(record);
    check();
    await expect.poll(() => redis.hget(record, 'health')).toBe('up');
  });
});
