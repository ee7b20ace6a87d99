import type { Tracing } from '@slipway/shared/tracing';

interface Phase {
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** The times of the phases before an attempt. Only after them is it known whether the attempt begins. */
export class Phases {
  readonly startedAt: number;
  readonly done: Phase[] = [];
  readonly #clock: Pick<Tracing, 'now'>;

  constructor(clock: Pick<Tracing, 'now'>) {
    this.#clock = clock;
    this.startedAt = clock.now();
  }

  async time<T>(name: string, work: Promise<T>): Promise<T> {
    const startedAt = this.#clock.now();
    try {
      return await work;
    } finally {
      this.done.push({ name, startedAt, endedAt: this.#clock.now() });
    }
  }
}
