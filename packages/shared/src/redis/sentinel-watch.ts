import { Redis, type RedisOptions } from 'ioredis';
import { nameOf, type RedisServer } from './url.js';

interface WatchOptions {
  /** The name of the primary. */
  readonly name: string;
  readonly connection: Pick<RedisOptions, 'username' | 'password' | 'tls'>;
  /** The sentinels promote a replica in a moment. */
  readonly onChanging: () => void;
  /** The sentinels gave the promotion up. */
  readonly onKept: () => void;
  readonly onChanged: (primary: RedisServer) => void;
}

const channels = [
  ...['+elected-leader', '+switch-master'],
  ...['-failover-abort-no-good-slave', '-failover-abort-slave-timeout'],
];
const againMs = 1_000;

/**
 * Connections to sentinels, which publish each step of a failover. Without them a process would write to the former primary for
 * seconds: sentinels demote a primary that still runs only after the promotion, and its last writes are lost then.
 */
export class SentinelWatch {
  readonly #options: WatchOptions;
  readonly #connections = new Map<string, Redis>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Watches these sentinels, and no others from now on. */
  watch(sentinels: readonly RedisServer[]): void {
    const names = new Set(sentinels.map(nameOf));
    for (const [name, connection] of this.#connections) {
      if (names.has(name)) continue;
      connection.disconnect();
      this.#connections.delete(name);
    }
    for (const sentinel of sentinels) {
      const name = nameOf(sentinel);
      if (!this.#connections.has(name)) this.#connections.set(name, this.#open(sentinel));
    }
  }

  #open(sentinel: RedisServer): Redis {
    const connection = new Redis({
      ...this.#options.connection,
      ...sentinel,
      ...{ enableReadyCheck: false, connectTimeout: againMs, keepAlive: 10_000 },
      ...{ maxRetriesPerRequest: null, retryStrategy: () => againMs, autoResubscribe: false },
    });
    // A sentinel that is away says so when it is asked for the primary.
    connection.on('error', () => undefined);
    connection.on('message', (channel, text) => this.#hear(channel, text));
    // A user without the right to subscribe learns of a new primary when the sentinels are asked again.
    connection.on('ready', () => connection.subscribe(...channels).catch(() => undefined));
    return connection;
  }

  /**
   * A message is `<name> <old host> <port> <new host> <port>` for a change, and `master <name> …` or `slave <its name> <host> <port> @
   * <name> …` for a step. Some 200 ms pass between `+elected-leader` and the promotion.
   */
  #hear(channel: string, text: string): void {
    const { name, onChanging, onKept, onChanged } = this.#options;
    const words = text.split(' ');
    if (channel === '+switch-master') {
      if (words[0] === name) onChanged({ host: words[3] ?? '', port: Number(words[4]) });
      return;
    }
    const at = words.indexOf('@');
    const concerned = at === -1 ? words[1] : words[at + 1];
    if (concerned !== name) return;
    if (channel === '+elected-leader') onChanging();
    else onKept();
  }
}
