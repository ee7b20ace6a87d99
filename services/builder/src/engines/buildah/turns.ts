interface TurnOptions<T> {
  readonly alone: boolean;
  readonly signal: AbortSignal;
  /** Told when the turn does not come at once. */
  readonly onWait?: () => void;
  readonly work: () => Promise<T>;
}

/** Runs any number of ordinary turns together, and an exclusive turn alone. Turns start in the order of the calls. */
export class Turns {
  readonly #waiting: { readonly alone: boolean; readonly start: () => void }[] = [];
  #running = 0;
  #isAlone = false;

  /** Runs `work` when its turn has come. Rejects with the signal's reason when that is aborted while it waits. */
  async take<T>({ alone, signal, onWait, work }: TurnOptions<T>): Promise<T> {
    const turn = this.#turn(alone, signal);
    if (this.#waiting.length > 0) onWait?.();
    await turn;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#isAlone = false;
      this.#next();
    }
  }

  #turn(alone: boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', give);
        resolve();
      };
      const waiter = { alone, start };
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
      if (this.#isAlone || (first.alone && this.#running > 0)) return;
      this.#waiting.shift();
      this.#running++;
      this.#isAlone = first.alone;
      first.start();
    }
  }
}
