import { rendezvous } from '@slipway/control-plane/replicas';
import type { Replica } from './discovery.js';

/** The replicas of a pool in the order in which an image prefers them. The order of a build is computed again only when the replicas change. */
export class Preferences {
  readonly #discovery: { replicas(): readonly Replica[] };
  #replicas: readonly Replica[] = [];
  #pools = new Map<string, ReturnType<typeof rendezvous>>();
  #orders = new WeakMap<object, readonly string[]>();

  constructor(discovery: { replicas(): readonly Replica[] }) {
    this.#discovery = discovery;
  }

  /** Returns the order of a build. Pass the same object for the same build. */
  of(build: { readonly pool: string; readonly repository: string }): readonly string[] {
    const prefer = this.#preferenceOf(build.pool);
    const known = this.#orders.get(build);
    if (known) return known;
    const order = prefer(build.repository);
    this.#orders.set(build, order);
    return order;
  }

  #preferenceOf(pool: string) {
    const replicas = this.#discovery.replicas();
    if (replicas !== this.#replicas) {
      this.#replicas = replicas;
      this.#pools = new Map();
      this.#orders = new WeakMap();
    }
    const known = this.#pools.get(pool);
    if (known) return known;
    const urls = replicas
      .filter((replica) => replica.pool === pool && !replica.isLeaving)
      .map(({ url }) => url);
    const prefer = rendezvous(urls);
    this.#pools.set(pool, prefer);
    return prefer;
  }
}
