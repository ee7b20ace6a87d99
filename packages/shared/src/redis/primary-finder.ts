import { Redis, type RedisOptions } from 'ioredis';
import { infrastructureFault, SlipwayError } from '../errors/index.js';
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
  follow(primary: RedisServer): void;
}

/** Milliseconds that a server has for its answer. */
const answerMs = 1_000;
/** A large cluster has more nodes than need to be asked. */
const mostAsked = 12;

/** Finds the server that takes the writes of a cell. All connections of a process share one, so they search together. */
export class PrimaryFinder {
  readonly #options: FinderOptions;
  readonly #followers = new Set<Follower>();
  #learned: readonly RedisServer[] = [];
  #search: Promise<RedisServer> | undefined;
  #replica: string | undefined;

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  get kind(): RedisTopology['kind'] {
    return this.#options.topology.kind;
  }

  /** Calls `follow` of the connection after each search. */
  join(follower: Follower): void {
    this.#followers.add(follower);
  }

  leave(follower: Follower): void {
    this.#followers.delete(follower);
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
    const { servers } = this.#options;
    const known = new Map([...servers, ...this.#learned].map((server) => [nameOf(server), server]));
    const { primary, others } = await poll([...known.values()].slice(0, mostAsked), (server) =>
      this.#askOne(server),
    );
    this.#learned = others;
    for (const follower of this.#followers) follower.follow(primary);
    return primary;
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
      throw error instanceof SlipwayError ? error : (reason ?? error);
    } finally {
      redis.disconnect();
    }
  }
}

/**
 * Returns the latest answer. It does not wait for all servers if a majority gives the same answer. Rejects if no server gives one.
 */
async function poll(
  servers: readonly RedisServer[],
  ask: (server: RedisServer) => Promise<PrimaryAnswer>,
): Promise<PrimaryAnswer> {
  const answers: PrimaryAnswer[] = [];
  const errors: Error[] = [];
  const votes = ({ primary }: PrimaryAnswer) =>
    answers.filter((answer) => nameOf(answer.primary) === nameOf(primary)).length;
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
  const [first, ...others] = errors.flatMap((error) => {
    const fault = error instanceof SlipwayError ? error : infrastructureFault(error);
    return fault && fault.code !== 'redis_unavailable' ? [fault] : [];
  });
  if (first && others.every(({ code }) => code === first.code)) return first;
  const [cause] = errors;
  const detail = `No primary was found at ${servers.map(nameOf).join(', ')} (${cause?.message}).`;
  return new SlipwayError('redis_unavailable', detail, { cause });
}
