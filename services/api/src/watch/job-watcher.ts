import { type PublishedEvent, parseMessage } from '@slipway/control-plane/events';
import { isTerminal } from '@slipway/shared/contracts';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';

interface JobWatcherOptions {
  /** A connection that is given over to subscriptions. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly logger: Logger;
}

/** Receives the events of a channel. Without an event, some may have been missed. */
type Listener = (published: PublishedEvent | undefined) => void;

/** An open watch of a job or batch. */
export interface Watch {
  /** Resolves at the next change since the last call, after `timeoutMs`, or when `signal` aborts. It may resolve without a change. */
  change(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Like `change`, but only for the end. */
  end(timeoutMs: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Milliseconds after which a waiter reads its record again, in case a message was lost. */
const recheckMs = 5_000;
/** Milliseconds in which Redis must answer on the connection of the subscriptions. */
const answerMs = 5_000;

/**
 * Subscribes to the events of tenants, jobs and batches that requests of this process wait for, and to no others. All requests share one connection and
 * one subscription for each channel.
 */
export class JobWatcher {
  readonly #options: JobWatcherOptions;
  readonly #listening = new Map<string, Set<Listener>>();

  constructor(options: JobWatcherOptions) {
    this.#options = options;
    const { subscriber } = options;
    subscriber.on('message', (channel: string, message: string) => {
      const listeners = this.#listening.get(channel);
      const published = listeners && parseMessage(message);
      if (published) for (const listener of [...listeners]) listener(published);
    });
    // Messages may have been lost while the connection was away.
    subscriber.on('ready', () => void this.#subscribe([...this.#listening.keys()]));
  }

  /** Watches a job or batch. Read the record after this call and after each change, and close the watch in the end. */
  watch(id: string): Watch {
    const { keys } = this.#options;
    const news = { changed: false, ended: false };
    let wake = () => {};
    const stop = this.listen(keys.recordChannel(id), (published) => {
      news.changed = true;
      news.ended ||= published === undefined || isEndOf(id, published);
      wake();
    });
    const wait = (wanted: keyof typeof news, timeoutMs: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          news[wanted] = false;
          wake = () => {};
          resolve();
        };
        const timer = setTimeout(end, Math.min(timeoutMs, recheckMs));
        signal.addEventListener('abort', end, { once: true });
        wake = () => {
          if (news[wanted]) end();
        };
        if (news[wanted] || signal.aborted) end();
      });
    return {
      change: (timeoutMs, signal) => wait('changed', timeoutMs, signal),
      end: (timeoutMs, signal) => wait('ended', timeoutMs, signal),
      close: stop,
    };
  }

  /**
   * Calls the listener for each event of a channel, and without an event as soon as the subscription stands and whenever events may have been missed.
   * Returns a function that ends it.
   */
  listen(channel: string, listener: Listener): () => void {
    const listeners = this.#listening.get(channel) ?? new Set();
    const isFirst = listeners.size === 0;
    this.#listening.set(channel, listeners.add(listener));
    // Also a later listener is called only once the subscription of the first stands: Redis answers in order.
    if (isFirst) void this.#subscribe([channel]);
    else void this.settled().then(() => listeners.has(listener) && listener(undefined));
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#listening.get(channel) !== listeners) return;
      this.#listening.delete(channel);
      this.#options.subscriber.unsubscribe(channel).catch(() => undefined);
    };
  }

  /**
   * Resolves with true once all messages that were published before the call have arrived. Resolves with false, and opens another connection, when Redis
   * does not answer.
   */
  async settled(): Promise<boolean> {
    const { subscriber } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), answerMs);
    });
    try {
      const answered = await Promise.race([subscriber.ping().then(() => true), late]);
      if (!answered && subscriber.status === 'ready') subscriber.disconnect(true);
      return answered;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  async #subscribe(channels: readonly string[]): Promise<void> {
    if (channels.length === 0) return;
    try {
      await this.#options.subscriber.subscribe(...channels);
    } catch (error) {
      if (this.#options.subscriber.status === 'end') return;
      this.#options.logger.warn({ err: error }, 'changes of jobs are seen late: no subscription');
    }
    for (const channel of channels)
      for (const listener of [...(this.#listening.get(channel) ?? [])]) listener(undefined);
  }
}

function isEndOf(id: string, { event }: PublishedEvent): boolean {
  if (event.kind === 'job') return event.jobId === id && isTerminal(event.state);
  return event.kind === 'batch';
}
