import { type Command, Redis, type RedisOptions } from 'ioredis';
import { infrastructureFault } from '../errors/index.js';
import { PrimaryConnector } from './connector.js';
import type { Follower, PrimaryFinder } from './primary-finder.js';
import type { RedisServer } from './url.js';

type NetStream = Redis['stream'];
type Reconnection = Parameters<Redis['handleReconnection']>;

interface FollowingOptions extends RedisOptions {
  /** Finds the primary; undefined if the name or proxy of the URL always leads to it. */
  readonly finder?: PrimaryFinder | undefined;
}

/** Milliseconds between two attempts to find the primary, and to send a command again. */
const againMs = 400;

/**
 * A connection that follows the primary. A demoted server keeps its connections, but refuses every write. Only a new connection
 * reaches the promoted server: the name or proxy is resolved, or the finder is asked, only when a connection opens.
 *
 * If commands of this connection wait for Redis (`maxRetriesPerRequest: null`), a refused command is sent again on the new
 * connection; otherwise it is rejected. A command of a pipeline or transaction is always rejected, because it would have another
 * meaning alone. Emits `demoted`. BullMQ duplicates connections, including blocking ones: a duplicate has this class, too.
 *
 * Commands of one turn of the event loop leave in one write: a write of its own costs more processor time, here and in Redis, than most commands.
 *
 * While a slot of a cluster moves, its keys are at two nodes. A command that meets this waits until the slot has moved. It never asks the
 * other node (`ASK`), because a script there would not see the keys that have not moved.
 */
export class FollowingRedis extends Redis implements Follower {
  #soughtAt = Number.NEGATIVE_INFINITY;
  /** The socket that holds commands back until the end of this turn. */
  #gathering: NetStream | undefined;

  /** `url` is that of a single server, without a finder. */
  constructor(options: FollowingOptions, url?: string) {
    const connector = options.finder && { Connector: PrimaryConnector };
    super(url as string, { ...options, ...connector, replyMapping: 'legacy' });
    const { finder } = options;
    if (!finder) return;
    finder.join(this);
    this.on('end', () => finder.release(this));
  }

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    this.#gather();
    return super.sendCommand(command, stream);
  }

  #gather(): void {
    const { stream } = this;
    if (!stream || this.#gathering === stream) return;
    this.#gathering = stream;
    stream.cork();
    setImmediate(() => {
      if (this.#gathering === stream) this.#gathering = undefined;
      stream.uncork();
    });
  }

  override handleReconnection(...[error, item]: Reconnection): void {
    const meaning = meaningOf(error);
    if (meaning === undefined) {
      super.handleReconnection(error, item);
      return;
    }
    const command = item.command as Command;
    const waitMs = meaning === 'waits' ? againMs : this.#soughtAt + againMs - performance.now();
    if (meaning === 'moved') {
      this.seekPrimary();
      this.emit('demoted');
    }
    const isPart = command.inTransaction || command.pipelineIndex !== undefined;
    if (isPart || this.options.maxRetriesPerRequest !== null) command.reject(error);
    else if (waitMs > 0) setTimeout(() => this.sendCommand(command), waitMs).unref();
    else this.sendCommand(command);
  }

  /** Closes the connection and opens another, unless it did so a moment ago. Commands wait meanwhile. */
  seekPrimary(): void {
    if (this.status !== 'ready' || performance.now() < this.#soughtAt + againMs) return;
    this.#soughtAt = performance.now();
    this.disconnect(true);
  }

  /** Closes the connection. It opens again when the finder finds a primary. */
  leave(): void {
    if (this.status === 'ready' || this.status === 'connect') this.disconnect(true);
  }

  /** Leaves a server that is not the primary, also while it connects. */
  follow(primary: RedisServer): void {
    const { connector } = this as unknown as { connector: unknown };
    if (connector instanceof PrimaryConnector && connector.isApart(primary)) this.disconnect(true);
  }

  override duplicate: Redis['duplicate'] = (override) => {
    const options: FollowingOptions = { ...this.options, ...override };
    return new FollowingRedis(options) as unknown as ReturnType<typeof this.duplicate<typeof override>>;
  };
}

/**
 * Returns `moved` if another server is the primary, or this server cannot take commands any more. A demotion also ends a blocking
 * command with UNBLOCKED. Returns `waits` if the same server takes the command later.
 */
function meaningOf(error: Error): 'moved' | 'waits' | undefined {
  if (infrastructureFault(error)?.code === 'redis_readonly') return 'moved';
  if (/^(?:UNBLOCKED|MOVED|CLUSTERDOWN|MASTERDOWN|LOADING) /.test(error.message)) return 'moved';
  if (/^(?:ASK|TRYAGAIN|NOREPLICAS) /.test(error.message)) return 'waits';
  return undefined;
}
