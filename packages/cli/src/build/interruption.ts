import { onInterrupt } from '../interrupts.js';

/** The user pressed Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Handles Ctrl-C during a build. Its effect depends on the progress of the build. */
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

  /** Aborted by the first interrupt until a job is submitted. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs work that an interrupt must not abort: the id of a submitted job has to arrive, so that it can be canceled. */
  async shield<T>(work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    this.#shielded = true;
    return work();
  }

  /** Calls `handle` for further interrupts, and for those since the last step. */
  onInterrupt(handle: (times: number) => void): void {
    this.#handle = handle;
    if (this.#times > 0) handle(this.#times);
  }

  close(): void {
    this.#undo();
  }
}
