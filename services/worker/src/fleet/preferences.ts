import { rendezvous } from '@slipway/control-plane/replicas';
import type { Replica } from './discovery.js';

/** The replicas that come first for a build, beside its home. Others are chosen by their load. */
const choices = 4;

interface Preference {
  /** The replica that has the layers, if this worker knows it. */
  readonly home: string | undefined;
  readonly preference: readonly string[];
}

interface Build {
  readonly pool: string;
  readonly repository: string;
  readonly home: string | undefined;
}

/** The replicas that come first for each build. They are computed again only when the replicas of this worker change. */
export class Preferences {
  readonly #discovery: { replicas(): readonly Replica[] };
  #replicas: readonly Replica[] | undefined;
  /** The replicas that this worker may give builds, with their pools. */
  #pools: ReadonlyMap<string, string> = new Map();
  readonly #orders = new Map<string, ReturnType<typeof rendezvous>>();
  #preferences = new WeakMap<Build, Preference>();
  readonly #others = new Map<string, Set<string>>();

  constructor(discovery: { replicas(): readonly Replica[] }) {
    this.#discovery = discovery;
  }

  /** Returns the home of a build, and the replicas that come first. Pass the same object for the same build. */
  of(build: Build): Preference {
    this.#refresh();
    const known = this.#preferences.get(build);
    if (known) return known;
    const home =
      build.home !== undefined && this.#pools.get(build.home) === build.pool ? build.home : undefined;
    const order = this.#orderOf(build.pool)(build.repository, choices);
    const preference = home === undefined ? order : [home, ...order.filter((url) => url !== home)];
    const made = { home, preference };
    this.#preferences.set(build, made);
    return made;
  }

  /** Returns the pool of a replica that this worker may give builds. */
  poolOf(url: string): string | undefined {
    this.#refresh();
    return this.#pools.get(url);
  }

  /** Returns whether this worker may give a replica builds of a pool. If not, it is one of the `others` of the pool from then on. */
  knows(url: string, pool: string): boolean {
    if (this.poolOf(url) === pool) return true;
    this.#noteOther(url, pool);
    return false;
  }

  /** Returns replicas of a pool that this worker sees end, or that only other workers name, as far as it met them. */
  others(pool: string): Iterable<string> {
    this.#refresh();
    return this.#others.get(pool) ?? [];
  }

  #noteOther(url: string, pool: string): void {
    this.#others.set(pool, (this.#others.get(pool) ?? new Set()).add(url));
  }

  #refresh(): void {
    const replicas = this.#discovery.replicas();
    if (replicas === this.#replicas) return;
    this.#replicas = replicas;
    this.#pools = new Map(replicas.filter(({ isLeaving }) => !isLeaving).map(({ url, pool }) => [url, pool]));
    this.#orders.clear();
    this.#preferences = new WeakMap();
    this.#others.clear();
    for (const { url, pool, isLeaving } of replicas) if (isLeaving) this.#noteOther(url, pool);
  }

  #orderOf(pool: string) {
    const known = this.#orders.get(pool);
    if (known) return known;
    const order = rendezvous([...this.#pools].flatMap(([url, of]) => (of === pool ? [url] : [])));
    this.#orders.set(pool, order);
    return order;
  }
}
