import { onInterrupt } from '../interrupts.js';

/** The person at the terminal has stopped it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Ctrl-C during a build. What it means depends on how far the build is. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #undo: () => void;
  #times = 0;
  #shielded = false;
  #handle: ((times: number) => void) | undefined;

  constructor() {
    this.#undo = onInterrupt(() => {
      this.#times++;
      if (this.#handle) this.#handle(this.#times);
      else if (!this.#shielded) this.#controller.abort(new Interrupted('Stopped. No job was submitted.'));
    });
  }

  /** Aborted by the first interrupt, for as long as nothing has been submitted. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs what must not be cut off in the middle: a job that was taken has to be known, so that it can be canceled. */
  async shield<T>(work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    this.#shielded = true;
    return work();
  }

  /** From now on interrupts go to `handle`, those since the last step included. */
  onInterrupt(handle: (times: number) => void): void {
    this.#handle = handle;
    if (this.#times > 0) handle(this.#times);
  }

  close(): void {
    this.#undo();
  }
}
