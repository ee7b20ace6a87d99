import type { Redis, RedisOptions } from 'ioredis';
import type { RedisAccess } from '../config/index.js';
import type { Cleanups } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { FollowingRedis } from './following-redis.js';
import { usualPrefix } from './keys.js';
import { PrimaryFinder } from './primary-finder.js';
import { RedisTls } from './tls.js';
import { clusterTopology, sentinelTopology } from './topology.js';
import { parseRedisUrl } from './url.js';

export type { Redis };

interface ConnectOptions {
  /** In the form of `REDIS_URL`. */
  readonly url: string;
  readonly access?: RedisAccess | undefined;
  /** Finds the primary of a URL with sentinels or a cluster. Default: a finder for the keys of the usual prefix. */
  readonly finder?: PrimaryFinder | undefined;
  /** The connection's name in CLIENT LIST. */
  readonly name: string;
  readonly logger: Logger;
  readonly cleanups: Pick<Cleanups, 'defer'>;
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
export function connectRedis(options: ConnectOptions): FollowingRedis {
  const { url, access, name, logger, cleanups, mode } = options;
  const finder = options.finder ?? primaryFinder({ url, access, prefix: usualPrefix, logger });
  const { db } = parseRedisUrl(url);
  const redis = new FollowingRedis(
    {
      ...modes[mode],
      ...credentials({ url, access, logger: logger.child({ connection: name }) }),
      connectionName: name,
      connectTimeout: 5_000,
      keepAlive: 10_000,
      maxLoadingRetryTime: 1_000,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1_000),
      // A frozen server closes no connection, and does not complete one.
      ...(finder && { finder, db, connectTimeout: 2_000, disconnectTimeout: 500 }),
    },
    finder ? undefined : url,
  );
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

type FinderOptions = Pick<ConnectOptions, 'url' | 'access' | 'logger'> & {
  /** The prefix of the keys, which are all in one hash slot. */
  readonly prefix: string;
};

/** Returns the finder for the connections of a process; undefined if the URL names a single server. */
export function primaryFinder({ url, access, prefix, logger }: FinderOptions): PrimaryFinder | undefined {
  const { kind, servers, primary = '' } = parseRedisUrl(url);
  if (kind === 'server') return undefined;
  const ofServers = credentials({ url, access, logger });
  if (kind === 'cluster')
    return new PrimaryFinder({ topology: clusterTopology(prefix), servers, connection: ofServers });
  const { user, password } = access?.sentinel ?? {};
  return new PrimaryFinder({
    topology: sentinelTopology(primary),
    servers,
    connection: {
      ...(ofServers.tls && { tls: ofServers.tls }),
      ...(user !== undefined && { username: user }),
      ...(password && { password: password.reveal() }),
    },
  });
}

function credentials({ url, access, logger }: Pick<ConnectOptions, 'url' | 'access' | 'logger'>) {
  const parsed = parseRedisUrl(url);
  const user = access?.user ?? parsed.user;
  const password = access?.password?.reveal() ?? parsed.password;
  return {
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    ...(parsed.tls && { tls: access?.tls ? new RedisTls({ files: access.tls, logger }).options : {} }),
  };
}
