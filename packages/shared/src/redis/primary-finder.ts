import { Redis, type RedisOptions } from 'ioredis';
import { infrastructureFault, SlipwayError } from '../errors/index.js';
import { SentinelWatch } from './sentinel-watch.js';
import type { PrimaryAnswer, RedisTopology } from './topology.js';
import { nameOf, type RedisServer } from './url.js';

interface FinderOptions {
  readonly topology: RedisTopology;
  /** The servers of `REDIS_URL`. */
  readonly servers: readonly RedisServer[];
  /** User, password and TLS of the connections that ask. */
  readonly connection: Pick<RedisOptions, 'username' | 'password' | 'tls'>;
}

/** A connection that leaves its server when another one is the primary. */
export interface Follower {
  /** Leaves a server that is not the primary. */
  follow(primary: RedisServer): void;
  /** Leaves its server. */
  leave(): void;
}

/** Milliseconds that a server has for its answer. */
const answerMs = 1_000;
/** A large cluster has more nodes than need to be asked. */
const mostAsked = 12;
/** Limit of the time that a promotion takes. The sentinels give it up later than that, or not at all. */
const changingMs = 10_000;
/** Milliseconds until all sentinels know a new primary. */
const announcedMs = 3_000;

/** Finds the server that takes the writes of a cell. All connections of a process share one, so they search together. */
export class PrimaryFinder {
  readonly #options: FinderOptions;
  readonly #followers = new Set<Follower>();
  readonly #watch: SentinelWatch | undefined;
  #learned: readonly RedisServer[] = [];
  #search: Promise<RedisServer> | undefined;
  #epoch = 0;
  #changingUntil = Number.NEGATIVE_INFINITY;
  #announced: { readonly primary: RedisServer; readonly until: number } | undefined;
  #replica: string | undefined;

  constructor(options: FinderOptions) {
    this.#options = options;
    const { topology, connection } = options;
    if (topology.kind !== 'sentinel') return;
    this.#watch = new SentinelWatch({
      ...{ name: topology.name, connection },
      onChanging: () => {
        this.#changingUntil = performance.now() + changingMs;
        for (const follower of this.#followers) follower.leave();
      },
      onKept: () => {
        this.#changingUntil = Number.NEGATIVE_INFINITY;
      },
      onChanged: (primary) => {
        this.#changingUntil = Number.NEGATIVE_INFINITY;
        this.#announced = { primary, until: performance.now() + announcedMs };
        this.#tell(primary);
      },
    });
  }

  get kind(): RedisTopology['kind'] {
    return this.#options.topology.kind;
  }

  /** Tells the connection where the primary is, until it is released. */
  join(follower: Follower): void {
    this.#followers.add(follower);
    this.#watch?.watch(this.#known());
  }

  release(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size === 0) this.#watch?.watch([]);
  }

  /**
   * Returns the primary that most servers name, within about a second. Rejects with a `SlipwayError`: `redis_url_mismatch`,
   * `redis_primary_unknown` and `redis_unauthorized` if all servers that reply agree on that, else `redis_unavailable`.
   */
  find(): Promise<RedisServer> {
    this.#search ??= this.#ask().finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  /** Notes whether the server that was found is a primary indeed. */
  report(server: RedisServer, isPrimary: boolean): void {
    this.#replica = isPrimary ? undefined : nameOf(server);
  }

  /** Returns the server that was named as the primary last, if it turned out to be a replica. */
  get replica(): string | undefined {
    return this.#replica;
  }

  async #ask(): Promise<RedisServer> {
    const now = performance.now();
    if (now < this.#changingUntil)
      throw new SlipwayError('redis_unavailable', 'The sentinels promote a replica.');
    if (this.#announced && now < this.#announced.until) return this.#announced.primary;
    const known = this.#known();
    const answer = await poll(known, { epoch: this.#epoch, ask: (server) => this.#askOne(server) });
    this.#learned = answer.others;
    this.#epoch = answer.epoch;
    if (this.#followers.size > 0) this.#watch?.watch(this.#known());
    this.#tell(answer.primary);
    return answer.primary;
  }

  /** Returns the servers to ask. */
  #known(): RedisServer[] {
    const all = [...this.#options.servers, ...this.#learned].map(
      (server) => [nameOf(server), server] as const,
    );
    return [...new Map(all).values()].slice(0, mostAsked);
  }

  #tell(primary: RedisServer): void {
    for (const follower of this.#followers) follower.follow(primary);
  }

  async #askOne(server: RedisServer): Promise<PrimaryAnswer> {
    const { topology, connection } = this.#options;
    const redis = new Redis({
      ...connection,
      ...server,
      ...{ connectTimeout: answerMs, commandTimeout: answerMs, disconnectTimeout: answerMs },
      ...{ retryStrategy: null, enableReadyCheck: false, maxRetriesPerRequest: 0 },
    });
    let reason: unknown;
    redis.on('error', (error) => {
      reason ??= error;
    });
    try {
      return await topology.ask(redis, server);
    } catch (error) {
      if (error instanceof SlipwayError) throw error;
      const cause = (reason ?? error) as Error;
      const fault = infrastructureFault(cause);
      if (!fault || fault.code === 'redis_unavailable') throw cause;
      throw new SlipwayError(fault.code, `${nameOf(server)} refused a question (${cause.message}).`, {
        cause,
      });
    } finally {
      redis.disconnect();
    }
  }
}

interface PollOptions {
  /** The epoch of the last answer. */
  readonly epoch: number;
  readonly ask: (server: RedisServer) => Promise<PrimaryAnswer>;
}

/**
 * Returns the latest answer. It does not wait for all servers if a majority gives the same answer. An earlier epoch counts only if no
 * server has a later one. Rejects if no server gives an answer.
 */
async function poll(servers: readonly RedisServer[], { epoch, ask }: PollOptions): Promise<PrimaryAnswer> {
  const answers: PrimaryAnswer[] = [];
  const errors: Error[] = [];
  const votes = ({ primary }: PrimaryAnswer) =>
    answers.filter((answer) => answer.epoch >= epoch && nameOf(answer.primary) === nameOf(primary)).length;
  await new Promise<void>((resolve) => {
    const asked = servers.map(async (server) => {
      try {
        const answer = await ask(server);
        answers.push(answer);
        if (votes(answer) * 2 > servers.length) resolve();
      } catch (error) {
        errors.push(error as Error);
      }
    });
    void Promise.all(asked).then(() => resolve());
  });
  const [best] = answers.toSorted((a, b) => b.epoch - a.epoch || votes(b) - votes(a));
  if (best) return best;
  throw faultOf(servers, errors);
}

function faultOf(servers: readonly RedisServer[], errors: readonly Error[]): SlipwayError {
  const [first, ...others] = errors.filter(
    (error) => error instanceof SlipwayError && error.code !== 'redis_unavailable',
  ) as SlipwayError[];
  if (first && others.every(({ code }) => code === first.code)) return first;
  const [cause] = errors;
  const detail = `No primary was found at ${servers.map(nameOf).join(', ')} (${cause?.message}).`;
  return new SlipwayError('redis_unavailable', detail, { cause });
}
