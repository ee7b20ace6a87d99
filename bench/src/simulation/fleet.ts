import type { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { defaultPool } from '@slipway/shared/contracts';

/** Slots of each replica. */
export const slots = 4;

/** A simulated replica. */
export interface SimulatedReplica {
  readonly url: string;
  /** When it was asked for, in virtual time. */
  readonly askedAt: number;
  state: 'boots' | 'builds' | 'drains' | 'dead' | 'gone';
  /** Slots that the ledger gave away. */
  taken: number;
  /** Functions whose layers it has. */
  readonly layers: Set<number>;
}

interface Announced {
  readonly url: string;
  readonly kind: 'k8s';
  readonly max: number;
  readonly pool: string;
  readonly platforms: readonly string[];
  readonly isLeaving: boolean;
}

/** The replicas, as workers find and announce them, and their cost. */
export class SimulatedFleet {
  readonly #registry: ReplicaRegistry;
  readonly #replicas = new Map<string, SimulatedReplica>();
  #announced: readonly Announced[] = [];
  #count = 0;
  #endedMs = 0;
  /** The highest number of replicas at once. */
  peak = 0;
  /** Slots that were given away above the limit of a replica. */
  overLimit = 0;
  /** Slots of replicas that take builds, and the free ones. */
  slots = 0;
  free = 0;

  constructor(registry: ReplicaRegistry) {
    this.#registry = registry;
  }

  /** The replicas that workers know. Another list after each change. */
  replicas(): readonly Announced[] {
    return this.#announced;
  }

  get(url: string): SimulatedReplica {
    const replica = this.#replicas.get(url);
    if (!replica) throw new Error(`the ledger gave a slot of ${url}, which was never there`);
    return replica;
  }

  /** Returns the free slots of a replica that takes builds. */
  freeOf(url: string): number {
    const replica = this.#replicas.get(url);
    return replica?.state === 'builds' ? Math.max(0, slots - replica.taken) : 0;
  }

  /** Returns whether a replica takes builds. */
  isBuilding(url: string): boolean {
    return this.#replicas.get(url)?.state === 'builds';
  }

  /** Adds a replica that boots. */
  add(now: number): SimulatedReplica {
    const number = this.#count++;
    const address = `http://10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}:8080`;
    const url = `${address}#${number}`;
    const replica: SimulatedReplica = { url, askedAt: now, state: 'boots', taken: 0, layers: new Set() };
    this.#replicas.set(url, replica);
    this.peak = Math.max(this.peak, this.costing().length);
    return replica;
  }

  /** Changes the states of replicas and announces the changes. */
  async set(
    changed: readonly SimulatedReplica[],
    state: SimulatedReplica['state'],
    now: number,
  ): Promise<void> {
    const gone = state === 'dead' || state === 'gone';
    for (const replica of changed) {
      replica.state = state;
      if (gone) this.#endedMs += now - replica.askedAt;
    }
    this.#countFree();
    if (state === 'dead') return;
    this.#announced = this.#all()
      .filter((each) => each.state === 'builds' || each.state === 'drains')
      .map(({ url, state: now }) => ({
        ...{ url, kind: 'k8s' as const, max: slots, pool: defaultPool, platforms: [] },
        isLeaving: now === 'drains',
      }));
    if (!gone) {
      const urls = new Set(changed.map(({ url }) => url));
      await this.#registry.announce(this.#announced.filter(({ url }) => urls.has(url)));
    }
  }

  /** Names all replicas again, as workers do every few seconds. */
  async announce(): Promise<void> {
    await this.#registry.announce(this.#announced);
  }

  /** Workers find that replicas are gone. */
  async retire(replicas: readonly SimulatedReplica[]): Promise<void> {
    const urls = new Set(replicas.map(({ url }) => url));
    this.#announced = this.#announced.filter(({ url }) => !urls.has(url));
    await this.#registry.retire([...urls]);
  }

  take(url: string): void {
    const replica = this.get(url);
    replica.taken++;
    if (replica.taken > slots) this.overLimit++;
    if (replica.state === 'builds') this.free--;
  }

  giveBack(url: string): void {
    const replica = this.get(url);
    replica.taken--;
    if (replica.state === 'builds') this.free++;
  }

  /** Returns the replicas that cost money: all that are not dead and not gone. */
  costing(): SimulatedReplica[] {
    return this.#all().filter(({ state }) => state !== 'dead' && state !== 'gone');
  }

  /** Seconds that all replicas have cost so far. */
  replicaSeconds(now: number): number {
    return this.costing().reduce((sum, { askedAt }) => sum + now - askedAt, this.#endedMs) / 1_000;
  }

  #all = () => [...this.#replicas.values()];

  #countFree(): void {
    const building = this.#all().filter(({ state }) => state === 'builds');
    this.slots = building.length * slots;
    this.free = building.reduce((sum, { taken }) => sum + slots - taken, 0);
  }
}
