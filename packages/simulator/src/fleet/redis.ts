import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ClusterOptions,
  type Member,
  type RedisTopology,
  type SentinelOptions,
  type ShippedUsers,
  startMember,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from '@slipway/local';

/** Several servers of Redis in place of one, with their settings. */
export type FleetRedis =
  | ({ readonly topology: 'cluster' } & ClusterOptions)
  | ({ readonly topology: 'sentinel' } & SentinelOptions);

interface RedisStart {
  /** The folder of the fleet. */
  readonly folder: string;
  readonly users: ShippedUsers;
  /** The port of a single server. */
  readonly port: number;
  readonly redis: FleetRedis | undefined;
}

/** The Redis of a fleet as a whole, and its servers if there are several. */
export interface StartedRedis {
  readonly member: Member;
  readonly topology: RedisTopology | undefined;
}

export async function startFleetRedis({ folder, users, port, redis }: RedisStart): Promise<StartedRedis> {
  const logs = join(folder, 'logs');
  const dir = join(folder, 'redis');
  await mkdir(dir);
  if (redis === undefined) {
    const member = await startMember({
      name: 'redis',
      url: `redis://${users.user}:${users.password}@127.0.0.1:${port}`,
      start: () => startRedis({ port, dir, users, logFile: join(logs, 'redis.log') }),
    });
    return { member, topology: undefined };
  }
  const options = { users, dir, logFolder: logs };
  const topology =
    redis.topology === 'cluster'
      ? await startRedisCluster({ ...redis, ...options })
      : await startRedisSentinel({ ...redis, ...options });
  return { member: wholeOf(topology), topology };
}

/** Returns all servers that hold data as one member, which ends when all have ended. */
function wholeOf({ url, nodes, sentinels, settled, stop }: RedisTopology): Member {
  const first = nodes[0] as Member;
  return {
    ...{ name: 'redis', url },
    get pid() {
      return first.pid;
    },
    get running() {
      return nodes.every(({ running }) => running);
    },
    kill(signal) {
      for (const node of nodes) node.kill(signal);
    },
    async ended() {
      await Promise.all(nodes.map((node) => node.ended()));
      return await first.ended();
    },
    async start() {
      await Promise.all([...nodes, ...sentinels].map((node) => node.start()));
      await settled();
    },
    stop,
  };
}
