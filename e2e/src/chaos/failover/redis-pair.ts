import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisHandle, startRedis } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import type { Fleet } from '@slipway/simulator';
import { waitFor } from '../waiting.js';

export interface Node {
  readonly port: number;
  /** As administrator. */
  readonly redis: Redis;
}

/** The Redis of a fleet and a replica of it, which can change places. */
export interface RedisPair {
  readonly first: Node;
  readonly second: Node;
  stop(): Promise<void>;
}

const syncMs = 30_000;

export async function startPair(fleet: Fleet): Promise<RedisPair> {
  const cleanups = new Cleanups();
  const logger = createLogger({ name: 'chaos', level: 'silent' });
  const dir = join(fleet.folder, 'redis-2');
  await mkdir(dir);
  const users = fleet.redisUsers;
  const logFile = join(fleet.folder, 'logs', 'redis-2.log');
  const replica: RedisHandle = await startRedis({ dir, users, logFile });
  const nodeAt = (url: string): Node => ({
    port: Number(new URL(url).port),
    redis: connectRedis({ url, name: 'administrator', logger, cleanups, mode: 'request' }),
  });
  const [first, second] = [nodeAt(fleet.redisUrl), nodeAt(replica.url)];
  for (const { redis } of [first, second]) {
    await redis.config('SET', 'masteruser', users.user);
    await redis.config('SET', 'masterauth', users.password);
  }
  await follow(second, first);
  await inSync(first, second);
  return {
    ...{ first, second },
    async stop() {
      await cleanups.run(logger);
      await replica.stop();
    },
  };
}

export const follow = (node: Node, primary: Node) => node.redis.replicaof('127.0.0.1', primary.port);
export const promote = ({ redis }: Node) => redis.replicaof('NO', 'ONE');

/** Waits until the replica has every write of the primary. */
export async function inSync(primary: Node, replica: Node): Promise<void> {
  const field = (text: string, name: string) => new RegExp(`^${name}:(.*)\\r$`, 'm').exec(text)?.[1];
  await waitFor('a replica in sync', syncMs, async () => {
    const [own, its] = await Promise.all([primary, replica].map(({ redis }) => redis.info('replication')));
    if (own === undefined || its === undefined) return undefined;
    const isUp = field(its, 'master_link_status') === 'up' && field(its, 'role') === 'slave';
    const isSame = field(own, 'master_repl_offset') === field(its, 'slave_repl_offset');
    return isUp && isSame ? true : undefined;
  });
}

/** Makes the primary a replica that refuses writes, after the other has every write. Client connections stay open. */
export async function demote(primary: Node, replica: Node): Promise<void> {
  await primary.redis.call('CLIENT', 'PAUSE', 10_000, 'WRITE');
  await inSync(primary, replica);
  // The two follow each other until one is promoted: neither takes writes, and neither has the other's data to fetch.
  await follow(primary, replica);
  await primary.redis.call('CLIENT', 'UNPAUSE');
}
