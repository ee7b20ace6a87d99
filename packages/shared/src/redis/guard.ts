import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../config/fields.js';
import { type ErrorCode, errorRow, infrastructureFault, SlipwayError } from '../errors/index.js';
import type { Component } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { defaultUserWrites } from './acl.js';
import type { FollowingRedis } from './following-redis.js';
import type { Keys } from './keys.js';
import type { PrimaryFinder } from './primary-finder.js';

interface GuardOptions {
  /** Its commands must fail within seconds when Redis is unreachable. */
  readonly redis: FollowingRedis;
  readonly keys: Keys;
  /** The name of this process in the key that it tries to write. */
  readonly processName: string;
  readonly logger: Logger;
  /** Finds the primary of the connection; undefined for the URL of a single server. */
  readonly finder?: PrimaryFinder | undefined;
  /** Milliseconds in which a replica must become the primary after the start. */
  readonly replicaWaitMs?: number;
}

const usualReplicaWaitMs = 60_000;
/** Milliseconds after which a write is slow: its server may be frozen. */
const slowMs = 1_000;
const checkEveryMs = 1_000;
const lookEveryMs = 5_000;
const aclEveryMs = 60_000;

/** Faults that only the operator can fix. They stop the start, and later every request is refused. */
const lasting: readonly ErrorCode[] = [
  ...(['redis_unauthorized', 'redis_cluster_node', 'redis_evicts'] as const),
  ...(['redis_url_mismatch', 'redis_primary_unknown'] as const),
];

/**
 * Checks whether this process can write to Redis, and whether Redis is configured to keep acknowledged writes. It tries a write
 * every second: it deletes a key that does not exist. Redis refuses that wherever it refuses a write, but spends no memory and no
 * line of its append-only file on it. When one connection finds that its server was demoted, all connections look for the primary.
 * A process that starts during a failover may meet a replica. It waits a minute for the primary, and fails then.
 */
export class RedisGuard implements Component {
  readonly name = 'redis guard';
  readonly #options: GuardOptions;
  readonly #connections: FollowingRedis[] = [];
  #fault: SlipwayError | undefined;
  #setup: SlipwayError | undefined;
  #warning: ErrorCode | undefined;
  #checking: Promise<void> | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #aclAt = Number.NEGATIVE_INFINITY;
  #wasWritable = false;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.watch(options.redis);
    // The connection may lead to another server now, which has settings of its own.
    options.redis.on('ready', () => {
      this.#lookedAt = Number.NEGATIVE_INFINITY;
    });
  }

  /** Returns the connection. From now on it looks for the primary whenever another one must. */
  watch(redis: FollowingRedis): FollowingRedis {
    this.#connections.push(redis);
    redis.on('demoted', () => {
      for (const connection of this.#connections) connection.seekPrimary();
    });
    return redis;
  }

  /** Rejects with a `ConfigError` for faults that only the operator can fix. Waits for a Redis that is unreachable. */
  async start(): Promise<void> {
    await this.#check();
    const fault = this.refusal;
    if (fault) throw configError(fault);
  }

  /** Rejects while this process cannot write, or Redis is misconfigured. */
  async ready(): Promise<void> {
    if (performance.now() - this.#checkedAt >= checkEveryMs) await this.#check();
    if (this.#fault) throw this.#fault;
  }

  /** Returns the error for every request; undefined when requests are allowed. */
  get refusal(): SlipwayError | undefined {
    return this.#fault && lasting.includes(this.#fault.code) ? this.#fault : undefined;
  }

  /** Returns true if the last tried write succeeded, and Redis is configured to keep acknowledged writes. */
  get writable(): boolean {
    return this.#fault === undefined && this.#checkedAt !== Number.NEGATIVE_INFINITY;
  }

  /** Returns problems that stop nothing yet. */
  get warnings(): readonly string[] {
    if (this.#warning === undefined) return [];
    const { title, remedy } = errorRow(this.#warning);
    return [`${this.#warning}: ${title}. ${remedy}`];
  }

  /** Rejects with a `ConfigError` if Redis is a replica from the start on, for a minute. */
  async run(signal: AbortSignal): Promise<void> {
    const { replicaWaitMs = usualReplicaWaitMs } = this.#options;
    const until = performance.now() + replicaWaitMs;
    while (!signal.aborted) {
      await this.#check();
      const isReplica = !this.#wasWritable && this.#fault?.code === 'redis_readonly';
      if (isReplica && performance.now() > until) throw configError(this.#fault as SlipwayError);
      await sleep(checkEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Joins concurrent checks into one. */
  async #check(): Promise<void> {
    this.#checking ??= this.#write().finally(() => {
      this.#checkedAt = performance.now();
      this.#checking = undefined;
    });
    await this.#checking;
  }

  async #write(): Promise<void> {
    const { redis, keys } = this.#options;
    const slow = setInterval(() => this.#followPrimary(), slowMs);
    try {
      if (performance.now() - this.#lookedAt >= lookEveryMs) await this.#look();
      if (!this.#setup) await redis.del(keys.writeProbe(this.#options.processName));
      this.#report(this.#setup);
    } catch (error) {
      this.#report(await this.#reasonOf(error));
    } finally {
      clearInterval(slow);
    }
  }

  /** Searches for the primary. All connections to another server leave it then. */
  #followPrimary(): void {
    this.#options.finder?.find().catch(() => undefined);
  }

  /** Returns why Redis cannot be used. The finder knows more than a connection that was never made. */
  async #reasonOf(error: unknown): Promise<SlipwayError> {
    const fault = faultOf(error);
    const { finder } = this.#options;
    if (!finder || fault.code !== 'redis_unavailable') return fault;
    try {
      await finder.find();
    } catch (reason) {
      return reason as SlipwayError;
    }
    if (finder.replica === undefined) return fault;
    return new SlipwayError('redis_readonly', `${finder.replica} is named as the primary, and is a replica.`);
  }

  async #look(): Promise<void> {
    const { redis, finder } = this.#options;
    this.#followPrimary();
    const information = await redis.info();
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(information)?.[1];
    const policy = field('maxmemory_policy') ?? 'noeviction';
    // Valkey has another name for it.
    const mode = field('redis_mode') ?? field('server_mode');
    const isClusterNode = mode === 'cluster' || field('cluster_enabled') === '1';
    if (isClusterNode && finder?.kind !== 'cluster') {
      this.#setup = new SlipwayError('redis_cluster_node', 'REDIS_URL names a node of a Redis Cluster.');
    } else if (mode === 'sentinel') {
      this.#setup = new SlipwayError(
        'redis_url_mismatch',
        'REDIS_URL names a sentinel as if it were a Redis server.',
      );
    } else if (policy !== 'noeviction') {
      this.#setup = new SlipwayError(
        'redis_evicts',
        `The maxmemory-policy of Redis is ${policy}, not noeviction.`,
      );
    } else {
      this.#setup = undefined;
    }
    await this.#lookAtUsers(field('aof_enabled') === '1');
    this.#lookedAt = performance.now();
  }

  async #lookAtUsers(hasAppendOnlyFile: boolean): Promise<void> {
    if (!hasAppendOnlyFile) {
      this.#warn(undefined);
      return;
    }
    if (performance.now() - this.#aclAt < aclEveryMs) return;
    const { redis, keys } = this.#options;
    try {
      const writes = await defaultUserWrites({ redis, base: keys.base });
      this.#warn(writes ? undefined : 'redis_acl_drops_writes');
    } catch (error) {
      // Redis may not know the command, or not allow it for this user. The write probe finds out whether Redis is reachable.
      if ((error as Error).name !== 'ReplyError') throw error;
      this.#warn('acl_unverified');
    }
    this.#aclAt = performance.now();
  }

  #warn(code: ErrorCode | undefined): void {
    if (code === this.#warning) return;
    this.#warning = code;
    const { logger } = this.#options;
    if (code === undefined) {
      logger.info('the default user of Redis may keep the writes of the services');
      return;
    }
    const { title, remedy } = errorRow(code);
    logger[code === 'acl_unverified' ? 'warn' : 'error']({ code, remedy }, title);
  }

  #report(fault: SlipwayError | undefined): void {
    const { logger } = this.#options;
    if (fault && fault.code !== this.#fault?.code) {
      logger.error(
        { code: fault.code, err: fault, remedy: errorRow(fault.code).remedy },
        'Redis cannot be used',
      );
    } else if (!fault && this.#fault) {
      logger.info({ code: this.#fault.code }, 'Redis can be used again');
    }
    this.#fault = fault;
    this.#wasWritable ||= fault === undefined;
  }
}

const configError = (fault: SlipwayError): ConfigError =>
  new ConfigError(`${fault.code}: ${fault.message} ${errorRow(fault.code).remedy}`);

/** Returns the coded fault. The reply of Redis is part of the detail: it names the user, the command or the script, and no secret. */
function faultOf(error: unknown): SlipwayError {
  const fault =
    infrastructureFault(error) ?? new SlipwayError('redis_unavailable', undefined, { cause: error });
  const said = fault.cause instanceof Error ? fault.cause.message : '';
  return new SlipwayError(fault.code, said === '' ? undefined : `${fault.message} (${said.trim()}).`, {
    cause: error,
  });
}
