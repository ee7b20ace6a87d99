import { type Command, Redis, type RedisOptions } from 'ioredis';
import { infrastructureFault } from '../errors/index.js';

type Reconnection = Parameters<Redis['handleReconnection']>;

/** Milliseconds between two attempts to find the primary. */
const againMs = 400;

/**
 * A connection that follows the primary. A demoted server keeps its connections, but refuses every write. Only a new connection
 * reaches the promoted server, because the name or proxy is resolved only when a connection opens.
 *
 * If commands of this connection wait for Redis (`maxRetriesPerRequest: null`), a refused command is sent again on the new
 * connection; otherwise it is rejected. A command of a pipeline or transaction is always rejected, because it would have another
 * meaning alone. Emits `demoted`. BullMQ duplicates connections, including blocking ones: a duplicate has this class, too.
 */
export class FollowingRedis extends Redis {
  #soughtAt = Number.NEGATIVE_INFINITY;

  override handleReconnection(...[error, item]: Reconnection): void {
    if (!isDemoted(error)) {
      super.handleReconnection(error, item);
      return;
    }
    const command = item.command as Command;
    const waitMs = this.#soughtAt + againMs - performance.now();
    this.seekPrimary();
    this.emit('demoted');
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

  // BullMQ only sets the name of the copy, so the copy must map replies like this connection.
  override duplicate: Redis['duplicate'] = (override) => {
    const options = { ...(this.options as RedisOptions), ...override, replyMapping: 'legacy' as const };
    return new FollowingRedis(options) as unknown as ReturnType<typeof this.duplicate<typeof override>>;
  };
}

/** Returns true if the server was demoted. That also ends a blocking command with UNBLOCKED. */
const isDemoted = (error: Error): boolean =>
  infrastructureFault(error)?.code === 'redis_readonly' || /^UNBLOCKED /.test(error.message);
