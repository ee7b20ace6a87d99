import type { PublishedEvent } from '@slipway/control-plane/events';

/** Published events that wait for a reader. When the reader is too slow, it drops them and reports a gap: the reader finds them in the stream. */
export class LiveQueue {
  readonly #limit: number;
  #events: PublishedEvent[] = [];
  #hasGap = false;
  #wake = () => {};

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0 && !this.#hasGap;
  }

  /** Adds an event. Without one, events may have been missed. */
  put(published: PublishedEvent | undefined): void {
    if (published && this.#events.length < this.#limit) this.#events.push(published);
    else {
      // What is missed may precede what waits. The stream has both.
      this.#events = [];
      this.#hasGap = true;
    }
    this.#wake();
  }

  /** Returns true once after events may have been missed. */
  takeGap(): boolean {
    const had = this.#hasGap;
    this.#hasGap = false;
    return had;
  }

  /** Returns the waiting events, except after a gap. */
  take(): PublishedEvent[] {
    if (this.#hasGap) return [];
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Resolves with true once there is something to take, or with false after `timeoutMs` or when `signal` aborts. */
  filled(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#wake = () => {};
        resolve(!this.isEmpty);
      };
      const timer = setTimeout(end, timeoutMs);
      signal.addEventListener('abort', end, { once: true });
      this.#wake = end;
      if (!this.isEmpty || signal.aborted) end();
    });
  }
}
