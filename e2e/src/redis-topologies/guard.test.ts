import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  freePort,
  type RedisNode,
  type RedisTopology,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  temporaryFolder,
} from '@slipway/local';
import { type RedisAccess, Secret } from '@slipway/shared/config';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, primaryFinder, RedisGuard, redisKeys } from '@slipway/shared/redis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const lines: string[] = [];
const logger = createLogger({
  ...{ name: 'test', level: 'trace' },
  destination: { write: (line: string) => void lines.push(line) },
});
const keys = redisKeys('slipway');
const parts = new Cleanups();
const cleanups = new Cleanups();
afterEach(() => cleanups.run(logger));
afterAll(() => parts.run(logger));

let cluster: RedisTopology;
let sentinels: RedisTopology;
let server: { readonly port: number };
beforeAll(async () => {
  const [first, second, third] = await Promise.all([startRedisCluster(), startRedisSentinel(), startRedis()]);
  for (const part of [first, second, third]) parts.defer('part', () => part.stop());
  [cluster, sentinels, server] = [first, second, third];
});

interface GuardSettings {
  readonly access?: RedisAccess;
  readonly replicaWaitMs?: number;
}

function guardOf(url: string, { access, replicaWaitMs }: GuardSettings = {}) {
  const finder = primaryFinder({ url, access, prefix: 'slipway', logger });
  const redis = connectRedis({ ...{ url, access, finder, name: 'test', logger, cleanups }, mode: 'request' });
  return new RedisGuard({
    ...{ redis, keys, processName: 'test', logger, finder },
    ...(replicaWaitMs !== undefined && { replicaWaitMs }),
  });
}

const refused = async (guard: RedisGuard, words: RegExp) => {
  await expect(guard.start()).rejects.toMatchObject({
    ...{ name: 'ConfigError', message: expect.stringMatching(words) },
  });
  expect(guard.refusal).toBeDefined();
};
const codeOf = (guard: RedisGuard) => () =>
  guard.ready().then(
    () => 'ready',
    (error) => error.code,
  );
const portsOf = (nodes: readonly RedisNode[]) => nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');

describe('the guard of a topology stops the start with words', () => {
  it.each([
    [
      'a cluster URL for a server',
      () => `redis+cluster://127.0.0.1:${server.port}`,
      /^redis_url_mismatch: .*is no node of one.*redis:\/\/ for a server/,
    ],
    [
      'a cluster URL for sentinels',
      () => `redis+cluster://${portsOf(sentinels.sentinels)}`,
      /^redis_url_mismatch: /,
    ],
    [
      'a sentinel URL for a server',
      () => `redis+sentinel://127.0.0.1:${server.port}/mymaster`,
      /^redis_url_mismatch: .*127\.0\.0\.1:\d+ is none/,
    ],
    [
      'a sentinel URL for a cluster',
      () => `redis+sentinel://${portsOf(cluster.nodes)}/mymaster`,
      /^redis_url_mismatch: /,
    ],
    [
      'a URL of a server for a sentinel',
      () => `redis://${portsOf(sentinels.sentinels.slice(0, 1))}`,
      /^redis_url_mismatch: REDIS_URL names a sentinel/,
    ],
    [
      'a URL of a server for a node of a cluster',
      () => `redis://${portsOf(cluster.nodes.slice(0, 1))}`,
      /^redis_cluster_node: .*redis\+cluster:\/\//,
    ],
    [
      'an unknown name of the primary',
      () => sentinels.url.replace('/mymaster', '/other'),
      /^redis_primary_unknown: .*no primary with the name other.*sentinel monitor/,
    ],
  ])('%s', async (_what, url, words) => {
    await refused(guardOf(url()), words);
  });

  it('a wrong password, of the servers and of the sentinels, which no log has', async () => {
    const access = { password: new Secret('wrong-hush') };
    await refused(
      guardOf(cluster.url, { access: { ...access, user: 'x' } }),
      /^redis_unauthorized: .*WRONGPASS/,
    );
    const sentinel = { user: 'x', password: new Secret('wrong-hush') };
    await refused(guardOf(sentinels.url, { access: { sentinel } }), /^redis_unauthorized: .*WRONGPASS/);
    expect(lines.join('')).toContain('WRONGPASS');
    expect(lines.join('')).not.toContain('wrong-hush');
  });

  it('a policy that evicts, at the primary', async () => {
    const primary = await cluster.primaryOf(keys.base);
    await primary.ask('CONFIG SET maxmemory-policy allkeys-lru');
    try {
      await refused(guardOf(cluster.url), /^redis_evicts: .*allkeys-lru/);
    } finally {
      await primary.ask('CONFIG SET maxmemory-policy noeviction');
    }
    const guard = guardOf(cluster.url);
    await guard.start();
    await guard.ready();
  });
});

describe('a start during a failover', () => {
  it('waits for the primary, unready', async () => {
    const url = `redis+sentinel://127.0.0.1:${await freePort()}/mymaster`;
    const away = guardOf(url);
    await away.start();
    expect(away.refusal).toBeUndefined();
    await expect(away.ready()).rejects.toMatchObject({ code: 'redis_unavailable' });
  });

  it('waits for the promotion of a replica, and is refused if there is none', async () => {
    const folder = await temporaryFolder();
    cleanups.defer('folder', folder.remove);
    const dir = join(folder.path, 'replica');
    await mkdir(dir);
    const replica = await startRedis({ dir });
    cleanups.defer('replica', () => replica.stop());
    const operator = connectRedis({
      ...{ url: replica.url, name: 'test', logger, cleanups },
      mode: 'request',
    });
    await operator.replicaof('127.0.0.1', server.port);
    await expect.poll(() => operator.info('replication')).toContain('master_link_status:up');

    const refusedGuard = guardOf(replica.url, { replicaWaitMs: 1 });
    await refusedGuard.start();
    await expect(refusedGuard.run(new AbortController().signal)).rejects.toMatchObject({
      ...{ name: 'ConfigError', message: expect.stringMatching(/^redis_readonly: /) },
    });

    const guard = guardOf(replica.url);
    await guard.start();
    expect(await codeOf(guard)()).toBe('redis_readonly');
    const stop = new AbortController();
    const running = guard.run(stop.signal);
    await operator.replicaof('NO', 'ONE');
    await expect.poll(codeOf(guard)).toBe('ready');
    stop.abort();
    await running;
  });

  it('is refused if the sentinels name a replica as the primary', async () => {
    const [replica] = sentinels.nodes.slice(1);
    const sentinel = sentinels.sentinels[0];
    await sentinel?.ask(`SENTINEL MONITOR replica 127.0.0.1 ${replica?.port} 3`);
    const url = `redis+sentinel://127.0.0.1:${sentinel?.port}/replica`;
    const guard = guardOf(url, { replicaWaitMs: 1 });
    await guard.start();
    await expect(guard.run(new AbortController().signal)).rejects.toMatchObject({
      ...{
        name: 'ConfigError',
        message: expect.stringMatching(/^redis_readonly: .* is named as the primary/),
      },
    });
    await sentinel?.ask('SENTINEL REMOVE replica');
  });
});
