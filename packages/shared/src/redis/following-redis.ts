import { type Command, Redis, type RedisOptions } from 'ioredis';
import { infrastructureFault } from '../errors/index.js';

type Reconnection = Parameters<Redis['handleReconnection']>;

/** Between two attempts to find the primary. */
const againMs = 400;

/**
 * A connection that follows the primary. A server that was demoted keeps its connections and refuses every write. A client reaches the promoted
 * server only with a new connection, because the name or proxy that leads there counts only when a connection is made.
 *
 * A command that was refused is sent again on the new connection if commands of this connection wait for Redis (`maxRetriesPerRequest: null`);
 * otherwise it is rejected. A command of a pipeline or transaction is always rejected, because it means something else alone.
 * Emits `demoted`. BullMQ duplicates connections, blocking ones too: a duplicate is of this class as well.
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

  /** Closes the connection and makes another, unless it did so a moment ago. Commands wait meanwhile. */
  seekPrimary(): void {
    if (this.status !== 'ready' || performance.now() < this.#soughtAt + againMs) return;
    this.#soughtAt = performance.now();
    this.disconnect(true);
  }

  // BullMQ sets the name of the copy alone, so the copy maps replies as this connection does.
  override duplicate: Redis['duplicate'] = (override) => {
    const options = { ...(this.options as RedisOptions), ...override, replyMapping: 'legacy' as const };
    return new FollowingRedis(options) as unknown as ReturnType<typeof this.duplicate<typeof override>>;
  };
}

/** A blocking command is cut off with UNBLOCKED when its server is demoted. */
const isDemoted = (error: Error): boolean =>
  infrastructureFault(error)?.code === 'redis_readonly' || /^UNBLOCKED /.test(error.message);
