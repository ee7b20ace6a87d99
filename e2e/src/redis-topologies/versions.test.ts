import {
  type RedisProgram,
  type RedisTopology,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from '@slipway/local';
import { redisKeys } from '@slipway/shared/redis';
import { expect, it, onTestFinished } from 'vitest';
import { openProcess, useAll } from './process.js';

const key = `${redisKeys('slipway').base}count`;

interface Version {
  readonly version: string;
  readonly program: RedisProgram;
}

const versions: readonly Version[] = [
  { version: 'redis_version:7.0', program: 'redis-server' },
  { version: 'redis_version:8.2', program: 'redis-server-8.2' },
  { version: 'valkey_version:8.1', program: 'valkey-server-8.1' },
];

it.each(versions)('one server: $version', async ({ version, program }) => {
  const server = await startRedis({ program });
  onTestFinished(() => server.stop());
  const process = await openProcess(server);
  expect(await process.patient.info('server')).toContain(version);
  await useAll(process);
});

const topologies = versions.flatMap((version) => [
  { ...version, kind: 'a cluster', start: startRedisCluster },
  { ...version, kind: 'sentinels', start: startRedisSentinel },
]);

it.each(topologies)('$kind, whose primary is killed: $version', async ({ version, program, start }) => {
  const topology: RedisTopology = await start({ program });
  onTestFinished(() => topology.stop());
  const process = await openProcess(topology);
  expect(await process.patient.info('server')).toContain(version);
  await useAll(process);
  const former = await topology.primaryOf(key);
  former.kill('SIGKILL');
  await former.ended();
  await useAll(process);
  expect((await topology.primaryOf(key)).name).not.toBe(former.name);
});
