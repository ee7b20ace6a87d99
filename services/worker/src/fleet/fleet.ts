import type { BuilderAddress } from './builders.js';

interface Replica extends BuilderAddress {
  inFlight: number;
}

/** Room for one build on a replica; give it back by `release`. */
export interface Slot {
  readonly url: string;
  release(): void;
}

/** The replicas this worker calls, and how many builds it has on each. */
export class Fleet {
  readonly #replicas: readonly Replica[];

  constructor(builders: readonly BuilderAddress[]) {
    this.#replicas = builders.map((builder) => ({ ...builder, inFlight: 0 }));
  }

  /** The replica with the most room that is not in `except`, or undefined when none has any. */
  acquire(except: ReadonlySet<string>): Slot | undefined {
    const free = this.#replicas.filter(
      ({ url, max, inFlight }) => !except.has(url) && (max === undefined || inFlight < max),
    );
    const [replica] = free.sort((a, b) => load(a) - load(b));
    if (!replica) return undefined;
    replica.inFlight++;
    let released = false;
    return {
      url: replica.url,
      release: () => {
        if (released) return;
        released = true;
        replica.inFlight--;
      },
    };
  }

  /** Builds of this worker on each replica, for the metrics. */
  inFlight(): readonly { readonly url: string; readonly inFlight: number }[] {
    return this.#replicas.map(({ url, inFlight }) => ({ url, inFlight }));
  }
}

const load = ({ inFlight, max }: Replica) => (max === undefined ? inFlight : inFlight / max);
