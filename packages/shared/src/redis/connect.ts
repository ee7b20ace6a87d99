import type { Redis, RedisOptions } from 'ioredis';
import type { RedisAccess } from '../config/index.js';
import type { Cleanups } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { FollowingRedis } from './following-redis.js';
import { RedisTls } from './tls.js';

export type { Redis };

interface ConnectOptions {
  readonly url: string;
  readonly access?: RedisAccess | undefined;
  /** The connection's name in CLIENT LIST. */
  readonly name: string;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
  /**
   * `request`: commands fail within seconds when Redis is unreachable, for answers to a waiting caller.
   * `patient`: commands wait for Redis to return, for background loops and BullMQ's blocking reads.
   */
  readonly mode: 'request' | 'patient';
}

const modes = {
  request: { maxRetriesPerRequest: 1, enableOfflineQueue: true, commandTimeout: 5_000 },
  patient: { maxRetriesPerRequest: null },
} satisfies Record<ConnectOptions['mode'], RedisOptions>;

/** Opens a connection that reconnects forever, at most a second apart, and also when its server has become a replica. Its owner closes it. */
export function connectRedis({ url, access, name, logger, cleanups, mode }: ConnectOptions): FollowingRedis {
  const redis = new FollowingRedis(url, {
    ...modes[mode],
    ...credentials(access ?? {}, logger.child({ connection: name })),
    connectionName: name,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1_000),
  });
  let away = false;
  redis.on('error', (error) => {
    if (!away) logger.warn({ err: error, connection: name }, 'redis is away');
    away = true;
  });
  redis.on('ready', () => {
    if (away) logger.info({ connection: name }, 'redis is back');
    away = false;
  });
  cleanups.defer(`redis ${name}`, () => redis.disconnect());
  return redis;
}

function credentials({ user, password, tls }: RedisAccess, logger: Logger) {
  return {
    ...(user !== undefined && { username: user }),
    ...(password && { password: password.reveal() }),
    ...(tls && { tls: new RedisTls({ files: tls, logger }).options }),
  };
}
