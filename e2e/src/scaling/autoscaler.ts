import { setTimeout as sleep } from 'node:timers/promises';

interface AutoscalerOptions<Replica> {
  readonly min: number;
  readonly max: number;
  /** Returns the wanted number of replicas; undefined keeps the present one. */
  readonly wanted: () => Promise<number | undefined>;
  readonly start: () => Promise<Replica>;
  /** Returns the replicas in the order in which they are stopped. */
  readonly order: (replicas: readonly Replica[]) => Promise<readonly Replica[]>;
  readonly stop: (replica: Replica) => void;
}

const everyMs = 500;
/** Readings of which the largest counts for a scale-in, as the stabilization window of an HPA. */
const window = 6;

/** Follows a wanted number of replicas as an HPA does. */
export class Autoscaler<Replica> {
  readonly #options: AutoscalerOptions<Replica>;
  readonly #readings: number[] = [];
  #replicas: Replica[] = [];
  /** The numbers of replicas, without repetitions. */
  readonly history: number[] = [];

  constructor(options: AutoscalerOptions<Replica>) {
    this.#options = options;
  }

  get replicas(): readonly Replica[] {
    return this.#replicas;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#follow();
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #follow(): Promise<void> {
    const { min, max, wanted, start, order, stop } = this.#options;
    const reading = await wanted();
    if (reading !== undefined) this.#readings.push(Math.min(max, Math.max(min, reading)));
    const latest = this.#readings.at(-1) ?? min;
    const present = this.#replicas.length;
    const lowest = Math.max(latest, ...this.#readings.slice(-window));
    if (latest > present) {
      const more = Array.from({ length: latest - present }, () => start());
      this.#replicas.push(...(await Promise.all(more)));
    } else if (lowest < present && this.#readings.length >= window) {
      const gone = (await order(this.#replicas)).slice(0, present - lowest);
      this.#replicas = this.#replicas.filter((replica) => !gone.includes(replica));
      for (const replica of gone) stop(replica);
    }
    if (this.history.at(-1) !== this.#replicas.length) this.history.push(this.#replicas.length);
  }
}
