import type { Tracing } from '@slipway/shared/tracing';

interface Phase {
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** When what comes before an attempt was done: whether there is an attempt at all is known only afterwards. */
export class Phases {
  readonly startedAt: number;
  readonly done: Phase[] = [];
  readonly #now: () => number;

  constructor({ now }: Pick<Tracing, 'now'>) {
    this.#now = now;
    this.startedAt = now();
  }

  async time<T>(name: string, work: Promise<T>): Promise<T> {
    const startedAt = this.#now();
    try {
      return await work;
    } finally {
      this.done.push({ name, startedAt, endedAt: this.#now() });
    }
  }
}
