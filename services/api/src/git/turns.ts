import { SlipwayError } from '@slipway/shared/errors';

interface TurnsOptions {
  readonly atOnce: number;
  /** How many may wait. */
  readonly waiting: number;
}

/** Lets so many work at once, the others one after another, and turns those away that would be too many. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #queue: (() => void)[] = [];
  #working = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Rejects with `git_busy` when too many wait, and with whatever the work rejects with. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { atOnce, waiting } = this.#options;
    if (this.#working >= atOnce) {
      if (this.#queue.length >= waiting) throw new SlipwayError('git_busy', undefined, { retryAfter: 30 });
      // Whoever ends hands on the place, so that nobody who comes later gets in between.
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    } else this.#working++;
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#working--;
    }
  }
}
