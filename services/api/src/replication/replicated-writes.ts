import { setTimeout as sleep } from 'node:timers/promises';
import type { Fields } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';

export interface ReplicationConfig {
  /** The number of replicas that must have a write before its request is answered with 2xx. */
  readonly redisWaitReplicas: number;
}

export function replicationConfig(fields: Fields): ReplicationConfig {
  return {
    redisWaitReplicas: fields.int('REDIS_WAIT_REPLICAS', {
      doc: 'Replicas of Redis that must have a change before the API answers 2xx; otherwise 503 `redis_not_replicated`. See [durability](durability.md)',
      default: 0,
      min: 0,
      max: 10,
    }),
  };
}

interface ReplicatedWritesOptions extends ReplicationConfig {
  /** A connection of its own: WAIT blocks it. Its pipelines must be sent to one server, whole or not at all. */
  readonly redis: Redis;
  readonly keys: Keys;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
  /** Limit in ms of the time that a request waits. */
  readonly limitMs?: number;
}

/** The state of a write: enough replicas have it, fewer have it, or the primary does not have its record. */
type Outcome = 'replicated' | 'waiting' | 'lost';

interface Waiter {
  /** The id of a job or batch; undefined for other changes. */
  readonly id: string | undefined;
  readonly tell: (outcome: Outcome) => void;
}

const limitMs = 3_000;
/** Milliseconds of one WAIT. Requests that arrive meanwhile join the next. */
const roundMs = 250;
/** A connection that does not answer a round within this time is closed: its server may be cut off. */
const silentMs = 1_500;
const pauseMs = 100;

/**
 * Waits until replicas of Redis have earlier writes. Replication is one ordered stream, so a replica that has a mark also has every
 * write before the mark. One mark and one WAIT serve all requests that wait at the same time.
 *
 * A failover may happen between a write and its mark. The new primary can lack the write and still replicate the mark, so each round
 * first looks for the records, on the connection and server of the mark.
 */
export class ReplicatedWrites {
  readonly #options: ReplicatedWritesOptions;
  #waiting: Waiter[] = [];
  #running = false;
  #isLate = false;

  constructor(options: ReplicatedWritesOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the configured number of replicas has all earlier writes of this process. `id` is the job, batch or campaign that a request
   * created. Rejects with `redis_not_replicated` after a few seconds, or when a failover lost the record.
   */
  async confirm(id?: string): Promise<void> {
    if (this.#options.redisWaitReplicas === 0) return;
    const ended = new AbortController();
    const until = sleep(this.#options.limitMs ?? limitMs, 'waiting' as const, { signal: ended.signal });
    try {
      for (;;) {
        const outcome = await Promise.race([this.#nextRound(id), until.then(() => 'late' as const)]);
        if (outcome === 'replicated') return;
        if (outcome !== 'waiting') throw this.#refusal(id, outcome);
      }
    } finally {
      ended.abort();
    }
  }

  /** Returns a warning while the last round failed. */
  warnings(): readonly string[] {
    if (!this.#isLate) return [];
    return [
      `redis_not_replicated: Fewer than ${this.#options.redisWaitReplicas} replicas of Redis (REDIS_WAIT_REPLICAS) confirm writes.`,
    ];
  }

  #nextRound(id: string | undefined): Promise<Outcome> {
    const outcome = new Promise<Outcome>((tell) => this.#waiting.push({ id, tell }));
    if (!this.#running) void this.#run();
    return outcome;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const waiters = this.#waiting;
      this.#waiting = [];
      const ids = [...new Set(waiters.flatMap(({ id }) => id ?? []))];
      const round = await this.#round(ids).catch(async (error: unknown) => {
        this.#report(error);
        await sleep(pauseMs);
        return { isReplicated: false, lost: new Set<string>() };
      });
      for (const { id, tell } of waiters) {
        if (id !== undefined && round.lost.has(id)) tell('lost');
        else tell(round.isReplicated ? 'replicated' : 'waiting');
      }
    }
    this.#running = false;
  }

  /**
   * Looks for the records, writes a mark and waits for replicas, in one pipeline. Redis promises that WAIT covers the writes of its own
   * connection. After a lost connection ioredis repeats a pipeline only when no part of it was answered, so the mark is on the same one.
   */
  async #round(ids: readonly string[]): Promise<{ isReplicated: boolean; lost: ReadonlySet<string> }> {
    const { redis, keys, redisWaitReplicas } = this.#options;
    const pipeline = redis.pipeline();
    for (const id of ids) {
      if (id.startsWith('campaign_')) pipeline.hget(keys.campaign(id), 'tenant');
      else if (id.startsWith('batch_')) pipeline.hget(keys.batch(id), 'committed');
      else pipeline.hget(keys.job(id), 'state');
    }
    pipeline.set(keys.replicationMark, '1').wait(redisWaitReplicas, roundMs);
    const ended = new AbortController();
    const silent = sleep(silentMs, undefined, { signal: ended.signal });
    const answer = Promise.race([pipeline.exec(), silent.then(() => this.#giveUpOn(redis))]);
    const replies = await answer.finally(() => ended.abort());
    const values = (replies ?? []).map(([error, value]) => {
      if (error) throw error;
      return value;
    });
    const isThere = (at: number) => values[at] !== null && values[at] !== '0';
    const isReplicated = Number(values.at(-1)) >= redisWaitReplicas;
    this.#report(isReplicated ? undefined : new SlipwayError('redis_not_replicated'));
    return { isReplicated, lost: new Set(ids.filter((_id, at) => !isThere(at))) };
  }

  #giveUpOn(redis: Redis): never {
    redis.disconnect(true);
    throw new SlipwayError('redis_unavailable', 'The connection for WAIT does not answer.');
  }

  #refusal(id: string | undefined, outcome: 'lost' | 'late'): SlipwayError {
    const { redisWaitReplicas: replicas } = this.#options;
    const what = id === undefined ? 'The change' : `The ${id.split('_', 1)[0]} ${id}`;
    const detail =
      outcome === 'lost'
        ? `${what} was created, but Redis changed its primary meanwhile and lost it.`
        : `${what} is written, but fewer than ${replicas} replicas of Redis have it yet. ${id === undefined ? 'It may still take effect.' : 'It may still run.'}`;
    return new SlipwayError('redis_not_replicated', detail);
  }

  #report(error: unknown): void {
    const isLate = error !== undefined;
    if (isLate === this.#isLate) return;
    this.#isLate = isLate;
    const { logger, redisWaitReplicas } = this.#options;
    if (isLate)
      logger.warn(
        { err: error, code: 'redis_not_replicated', replicas: redisWaitReplicas },
        'writes are not replicated',
      );
    else logger.info({ replicas: redisWaitReplicas }, 'writes are replicated again');
  }
}
