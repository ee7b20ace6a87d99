import { setTimeout as sleep } from 'node:timers/promises';
import { parseEvents } from '@slipway/control-plane/events';
import { isTerminal } from '@slipway/shared/contracts';
import { type Component, untilAborted } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';

interface JobWatcherOptions {
  /** A separate connection: its reads block. */
  readonly reader: Redis;
  readonly keys: Keys;
  readonly logger: Logger;
}

interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onlyEnd: boolean;
}

interface Waiter {
  readonly wake: () => void;
  readonly onlyEnd: boolean;
}

const blockMs = 10_000;
/** The key for waiters on any change. No id of a job or batch is empty. */
const anything = '';

/** Wakes requests that wait for a change of a job, or of any job of a batch. One blocking read of the event stream serves all of them. */
export class JobWatcher implements Component {
  readonly name = 'job watcher';
  readonly #options: JobWatcherOptions;
  readonly #waiting = new Map<string, Set<Waiter>>();

  constructor(options: JobWatcherOptions) {
    this.#options = options;
  }

  /**
   * Resolves at the next change of the job or batch, after `timeoutMs`, or when `signal` aborts. Call it before reading the record
   * that decides whether to wait, so that no change is missed.
   */
  change(id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#wait(id, { timeoutMs, signal, onlyEnd: false });
  }

  /** Like `change`, but only for the end. */
  end(id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#wait(id, { timeoutMs, signal, onlyEnd: true });
  }

  /** Like `change`, but for any job. */
  any(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#wait(anything, { timeoutMs, signal, onlyEnd: false });
  }

  #wait(jobId: string, { timeoutMs, signal, onlyEnd }: WaitOptions): Promise<void> {
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(jobId) ?? new Set();
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        waiters.delete(waiter);
        if (waiters.size === 0) this.#waiting.delete(jobId);
        resolve();
      };
      const waiter = { wake, onlyEnd };
      const timer = setTimeout(wake, timeoutMs);
      signal.addEventListener('abort', wake, { once: true });
      this.#waiting.set(jobId, waiters.add(waiter));
      if (signal.aborted) wake();
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { reader, keys, logger } = this.#options;
    let position = '$';
    while (!signal.aborted) {
      try {
        const read = reader.xread('COUNT', 1_000, 'BLOCK', blockMs, 'STREAMS', keys.events, position);
        const streams = (await untilAborted(read, signal)) as [string, [string, string[] | null][]][] | null;
        for (const event of parseEvents(streams?.[0]?.[1] ?? [])) {
          position = event.position;
          if (event.kind === 'job') {
            this.#wake(event.jobId, isTerminal(event.state));
            if (event.batchId !== undefined) this.#wake(event.batchId, false);
          }
          if (event.kind === 'batch') this.#wake(event.batchId, true);
        }
        if (streams) this.#wake(anything, true);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, 'the event stream cannot be read');
        await sleep(500, undefined, { signal }).catch(() => undefined);
        // Events may have been missed: all waiters check again.
        for (const jobId of this.#waiting.keys()) this.#wake(jobId, true);
      }
    }
  }

  #wake(jobId: string, atEnd: boolean): void {
    for (const { wake, onlyEnd } of this.#waiting.get(jobId) ?? []) if (atEnd || !onlyEnd) wake();
  }
}
