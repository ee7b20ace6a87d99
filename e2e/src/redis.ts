import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { shippedUsers, startRedisCluster, startRedisSentinel } from '@slipway/local';
import type { FleetRedis } from '@slipway/simulator';

/** The Redis that a test gives to its services. */
export interface TestRedis {
  /** Settings of the API and the workers. Empty for the single server that they have by default. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Returns the servers that SLIPWAY_TEST_REDIS names: `sentinel`, `cluster`, or undefined for `single`, the default. */
export function testTopology(): FleetRedis | undefined {
  const kind = process.env.SLIPWAY_TEST_REDIS || 'single';
  switch (kind) {
    case 'single':
      return undefined;
    case 'cluster':
    case 'sentinel':
      return { topology: kind };
    default:
      throw new Error(`SLIPWAY_TEST_REDIS must be single, sentinel or cluster, not '${kind}'`);
  }
}

/** Starts the Redis that SLIPWAY_TEST_REDIS names, with its logs and secrets in `folder`. */
export async function startTestRedis(folder: string): Promise<TestRedis> {
  const redis = testTopology();
  if (!redis) return { env: {}, stop: async () => undefined };
  const [logs, secrets] = [join(folder, 'redis-logs'), join(folder, 'redis-secrets')];
  for (const path of [logs, secrets]) await mkdir(path);
  const users = await shippedUsers({ folder: secrets, administrator: true });
  const options = { users, logFolder: logs };
  const topology = await (redis.topology === 'cluster'
    ? startRedisCluster(options)
    : startRedisSentinel(options));
  return { env: users.env(topology.url), stop: () => topology.stop() };
}
