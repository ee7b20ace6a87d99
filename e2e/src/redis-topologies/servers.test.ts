import { readdirSync } from 'node:fs';
import {
  type ClusterOptions,
  type RedisNode,
  type RedisTopology,
  type SentinelOptions,
  shippedUsers,
  startRedisCluster,
  startRedisSentinel,
  type TemporaryFolder,
  temporaryFolder,
} from '@slipway/local';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const key = '{slipway}:x';

let folder: TemporaryFolder;
let topology: RedisTopology | undefined;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  await topology?.stop();
  await folder.remove();
});

const topologies = [
  {
    ...{ name: 'a cluster', scheme: 'redis+cluster:', nodes: 6, sentinels: 0 },
    start: (options: ClusterOptions & SentinelOptions) => startRedisCluster(options),
  },
  {
    ...{ name: 'a primary with sentinels', scheme: 'redis+sentinel:', nodes: 3, sentinels: 3 },
    start: (options: ClusterOptions & SentinelOptions) => startRedisSentinel(options),
  },
];

describe.each(topologies)('$name', ({ scheme, nodes, sentinels, start }) => {
  const started = async () => {
    const users = await shippedUsers({ folder: folder.path, administrator: true });
    topology = await start({ users, logFolder: folder.path });
    return topology;
  };

  test('replaces a killed, a demoted and a frozen primary', async () => {
    const redis = await started();
    expect(redis.url).toMatch(new RegExp(`^${scheme.replace('+', '\\+')}//administrator:\\w+@127.0.0.1:`));
    expect([redis.nodes.length, redis.sentinels.length]).toEqual([nodes, sentinels]);
    const first = await redis.primaryOf(key);
    expect(await first.ask(`SET ${key} up`, 'WAIT 1 1000')).toContain('+OK');

    first.kill('SIGKILL');
    await first.ended();
    expect(first.running).toBe(false);
    const second = await promoted(redis, first);
    expect(await second.ask(`GET ${key}`)).toContain('up');
    await first.start();
    await redis.settled();

    await redis.failover(key);
    const third = await redis.primaryOf(key);
    expect(third.name).not.toBe(second.name);
    await redis.settled();

    third.kill('SIGSTOP');
    const fourth = await promoted(redis, third);
    expect(await fourth.ask(`GET ${key}`)).toContain('up');
    await redis.stop();
    expect(third.running).toBe(false);
  });
});

test('the data of a topology are removed, also when it cannot be started', async () => {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder.path;
  try {
    await expect(startRedisCluster({ settings: ['--no-such-setting', 'yes'] })).rejects.toThrow(
      'no-such-setting',
    );
    expect(readdirSync(folder.path)).toEqual([]);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});

/** Waits until another server takes writes. */
async function promoted(redis: RedisTopology, than: RedisNode): Promise<RedisNode> {
  const find = async () => {
    const primary = await redis.primaryOf(key).catch(() => than);
    const role = await primary.ask('INFO replication').catch(() => '');
    return primary.name !== than.name && role.includes('role:master') ? primary : undefined;
  };
  let found: RedisNode | undefined;
  await expect
    .poll(async () => {
      found = await find();
      return found;
    })
    .toBeDefined();
  return found as RedisNode;
}
