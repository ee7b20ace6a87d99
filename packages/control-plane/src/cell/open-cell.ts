import type { RedisConfig } from '@slipway/shared/config';
import type { SlipwayError } from '@slipway/shared/errors';
import { makeIdsBy } from '@slipway/shared/ids';
import type { Cleanups, Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { measureWrites, RedisMetrics, type Registry } from '@slipway/shared/metrics';
import {
  connectRedis,
  type Keys,
  parseRedisUrl,
  primaryFinder,
  type Redis,
  RedisGuard,
  RedisTls,
  redisKeys,
} from '@slipway/shared/redis';
import { RedisClock } from '../clock/index.js';
import { CountedFaults } from '../records/index.js';

interface CellOptions {
  readonly config: RedisConfig;
  /** The name of the service in CLIENT LIST. */
  readonly service: 'api' | 'worker';
  /** The unique name of this process. */
  readonly processName: string;
  /**
   * The connection for commands. `request`: commands fail within seconds when Redis is unreachable. `patient`: they wait for Redis,
   * and the guard and the clock get their own connection.
   */
  readonly mode: 'request' | 'patient';
  readonly registry: Registry;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
}

/** A Redis prefix with its keys, its time and the connections of this process to it. */
export interface Cell {
  readonly processName: string;
  readonly redis: Redis;
  readonly keys: Keys;
  /** Redis' time. */
  readonly clock: RedisClock;
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  /** Counts unreadable records. */
  readonly faults: CountedFaults;
  /** The client certificate for Redis; undefined without TLS. */
  readonly tls: RedisTls | undefined;
  /** Opens another connection under a unique name. Its commands wait for Redis. */
  readonly connect: (name: string) => Redis;
  /** Rejects while this process cannot write. */
  readonly ready: () => Promise<void>;
  /** Returns the error for every request; undefined when requests are allowed. */
  readonly refusal: () => SlipwayError | undefined;
  readonly warnings: () => readonly string[];
  readonly components: readonly Component[];
}

/**
 * Connects to the Redis of an installation. Rejects with a `ConfigError` for faults that only the operator can fix. If Redis is
 * unreachable, the guard and the clock find it once it is back.
 */
export async function openCell(options: CellOptions): Promise<Cell> {
  const { config, service, processName, mode, registry, logger, cleanups } = options;
  const { redisUrl: url, redisAccess: access } = config;
  const keys = redisKeys(config.redisPrefix);
  const metrics = new RedisMetrics({ registry });
  const finder = primaryFinder({ url, access, prefix: config.redisPrefix, logger });
  const open = (name: string, mode: 'request' | 'patient') =>
    connectRedis({ url, access, finder, name: `slipway-${service}-${name}`, logger, cleanups, mode });
  const [probeName, probe] =
    mode === 'request' ? ['main', open('main', mode)] : ['probe', open('probe', 'request')];
  const guard = new RedisGuard({ redis: probe, keys, processName, logger, finder });
  metrics.watch(probeName, probe);
  const connect = (name: string) => metrics.watch(name, guard.watch(open(name, 'patient')));
  const redis = mode === 'request' ? probe : connect('main');
  measureWrites({ registry, guard });
  await guard.start();
  const clock = new RedisClock({ redis: probe, registry, logger });
  await clock.measure().catch(() => undefined);
  makeIdsBy(clock);
  return {
    ...{ processName, redis, keys, clock, connect },
    now: () => clock.now(),
    faults: new CountedFaults({ registry, logger }),
    tls: access?.tls && new RedisTls({ files: access.tls, logger }),
    ready: () => guard.ready(),
    refusal: () => guard.refusal,
    warnings: () => [...guard.warnings, ...clock.warnings()],
    components: [guard, clock],
  };
}

/** Returns the settings of Redis that a service logs at its start. */
export function shownRedis({ redisUrl, redisAccess, redisPrefix }: RedisConfig): Record<string, unknown> {
  return {
    redis: shownAddress(redisUrl),
    redis_user: redisAccess?.user ?? 'default',
    redis_password: redisAccess?.password ? 'configured' : 'none',
    redis_prefix: redisPrefix,
  };
}

/** Returns the host of a server, or the whole URL of sentinels and clusters, which has no credentials. */
function shownAddress(url: string): string {
  const { kind, shown } = parseRedisUrl(url);
  return kind === 'server' ? new URL(shown).host : shown;
}
