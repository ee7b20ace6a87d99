interface HoldOptions<T> {
  readonly exclusive: boolean;
  readonly signal: AbortSignal;
  /** Called if the lock is not free at once. */
  readonly onWait?: () => void;
  readonly work: () => Promise<T>;
}

/** A lock that any number of shared holders have together, and an exclusive holder alone. Holders get it in the order of the calls. */
export class SharedExclusiveLock {
  readonly #waiting: { readonly exclusive: boolean; readonly start: () => void }[] = [];
  #holders = 0;
  #isExclusive = false;

  /** Runs `work` while it holds the lock. Rejects with the reason of the signal if that is aborted while it waits. */
  async hold<T>({ exclusive, signal, onWait, work }: HoldOptions<T>): Promise<T> {
    const acquired = this.#acquire(exclusive, signal);
    if (this.#waiting.length > 0) onWait?.();
    await acquired;
    try {
      return await work();
    } finally {
      this.#holders--;
      this.#isExclusive = false;
      this.#next();
    }
  }

  #acquire(exclusive: boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', give);
        resolve();
      };
      const waiter = { exclusive, start };
      const give = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
        this.#next();
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', give, { once: true });
      this.#waiting.push(waiter);
      this.#next();
    });
  }

  #next(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (this.#isExclusive || (first.exclusive && this.#holders > 0)) return;
      this.#waiting.shift();
      this.#holders++;
      this.#isExclusive = first.exclusive;
      first.start();
    }
  }
}
