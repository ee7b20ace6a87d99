import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../config/fields.js';
import { type ErrorCode, errorRow, infrastructureFault, SlipwayError } from '../errors/index.js';
import type { Component } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { defaultUserWrites } from './acl.js';
import type { FollowingRedis } from './following-redis.js';
import type { Keys } from './keys.js';

interface GuardOptions {
  /** Its commands must fail within seconds when Redis is away. */
  readonly redis: FollowingRedis;
  readonly keys: Keys;
  /** Names this process in the key that it tries to write. */
  readonly processName: string;
  readonly logger: Logger;
}

const checkEveryMs = 1_000;
const lookEveryMs = 5_000;
const aclEveryMs = 60_000;

/** What only the operator can change: it stops the start, and later every request is refused. */
const lasting: readonly ErrorCode[] = ['redis_unauthorized', 'redis_cluster_node', 'redis_evicts'];

/**
 * Knows whether this process can write to Redis, and whether Redis is set up so that it keeps what it acknowledged. It tries a write every
 * second: deleting a key that does not exist is refused wherever a write is, and costs Redis neither memory nor a line in its append-only file.
 * When one connection finds that its server was demoted, all of them look for the primary.
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

  constructor(options: GuardOptions) {
    this.#options = options;
    this.watch(options.redis);
  }

  /** Returns the connection, which looks for the primary from now on when another one has to. */
  watch(redis: FollowingRedis): FollowingRedis {
    this.#connections.push(redis);
    redis.on('demoted', () => {
      for (const connection of this.#connections) connection.seekPrimary();
    });
    return redis;
  }

  /** Rejects with a `ConfigError` for what only the operator can change. A Redis that is away is waited for. */
  async start(): Promise<void> {
    await this.#check();
    const fault = this.refusal;
    if (fault) throw new ConfigError(`${fault.code}: ${fault.message} ${errorRow(fault.code).remedy}`);
  }

  /** Rejects while this process cannot write, or Redis is not set up right. */
  async ready(): Promise<void> {
    if (performance.now() - this.#checkedAt >= checkEveryMs) await this.#check();
    if (this.#fault) throw this.#fault;
  }

  /** Why every request is refused; undefined when none is. */
  get refusal(): SlipwayError | undefined {
    return this.#fault && lasting.includes(this.#fault.code) ? this.#fault : undefined;
  }

  /** Whether the last write that was tried succeeded, and Redis is set up so that it keeps what it acknowledges. */
  get writable(): boolean {
    return this.#fault === undefined && this.#checkedAt !== Number.NEGATIVE_INFINITY;
  }

  /** What is wrong and stops nothing yet. */
  get warnings(): readonly string[] {
    if (this.#warning === undefined) return [];
    const { title, remedy } = errorRow(this.#warning);
    return [`${this.#warning}: ${title}. ${remedy}`];
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#check();
      await sleep(checkEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Two at once are one. */
  async #check(): Promise<void> {
    this.#checking ??= this.#write().finally(() => {
      this.#checkedAt = performance.now();
      this.#checking = undefined;
    });
    await this.#checking;
  }

  async #write(): Promise<void> {
    const { redis, keys } = this.#options;
    try {
      if (performance.now() - this.#lookedAt >= lookEveryMs) await this.#look();
      if (!this.#setup) await redis.del(keys.writeProbe(this.#options.processName));
      this.#report(this.#setup);
    } catch (error) {
      this.#report(faultOf(error));
    }
  }

  async #look(): Promise<void> {
    const { redis } = this.#options;
    const information = await redis.info();
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(information)?.[1];
    const policy = field('maxmemory_policy') ?? 'noeviction';
    if (field('redis_mode') === 'cluster' || field('cluster_enabled') === '1') {
      this.#setup = new SlipwayError('redis_cluster_node', 'REDIS_URL names a node of a Redis Cluster.');
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
      // Redis may not know the command, or not let this user run it; whether it is there is found out by the write.
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
      logger.info('the default user of Redis keeps what the services write');
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
  }
}

/** What Redis said is a part of the detail: it names the user, the command or the script, and no secret. */
function faultOf(error: unknown): SlipwayError {
  const fault =
    infrastructureFault(error) ?? new SlipwayError('redis_unavailable', undefined, { cause: error });
  const said = fault.cause instanceof Error ? fault.cause.message : '';
  return new SlipwayError(fault.code, said === '' ? undefined : `${fault.message} (${said.trim()}).`, {
    cause: error,
  });
}
