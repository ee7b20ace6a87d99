import type { Lease } from '@slipway/control-plane/replicas';
import type { BuilderFeature, JobSpec } from '@slipway/shared/contracts';

type PriorityClass = JobSpec['priority'];

export interface Wanted {
  /** Id of the lease. Each attempt of a job has its own. */
  readonly id: string;
  readonly tenant: string;
  readonly priorityClass: PriorityClass;
  /** The pool whose replicas build the job. */
  readonly pool: string;
  /** The image repository, for replicas that have its layers cached. */
  readonly repository: string;
  readonly suspect: boolean;
  /** The position of the job in the queue: lower is earlier. */
  readonly priority: number;
  /** The replica that has the layers of the image, if one is known. */
  readonly home: string | undefined;
  /** The source is not trusted with the replica's machine. */
  readonly needsIsolation: boolean;
  /** A feature that its replica must have. */
  readonly needsFeature: BuilderFeature | undefined;
  /** Replicas that have refused it already. */
  readonly except: ReadonlySet<string>;
}

/** Decides whether a build waits on for a slot. */
export interface Stay {
  /** Milliseconds between two questions. */
  readonly everyMs: number;
  /** Returns false when the build must not wait any longer. `yields`: many other builds of the worker come earlier, so this one makes room for an earlier job. */
  readonly may: (yields: boolean) => Promise<boolean>;
}

/** A build that waits for a slot. */
export interface Waiter {
  readonly wanted: Wanted;
  readonly since: number;
  /** Milliseconds after which the wait ends, or it is asked whether the build may wait on. */
  waitMs: number;
  stays: Stay | undefined;
  readonly signal: AbortSignal;
  /** For how long it waits for the replica that has the layers, whatever room others have. */
  patienceMs: number;
  /** When a slot was last requested for it. */
  askedAt: number;
  /** The number of builds that come later and took a slot before it. */
  passes: number;
  /** Begins the attempt on a replica, if the build has a slot there. Returns whether it did. */
  readonly begin: ((replica: string) => Promise<boolean>) | undefined;
  readonly resolve: (lease: Lease | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A build that begins to wait. */
export type NewWaiter = Pick<Waiter, 'wanted' | 'waitMs' | 'signal'> &
  Partial<Pick<Waiter, 'begin' | 'stays'>>;

/** A slot that came free. */
interface FreeSlot {
  readonly url: string;
  readonly pool: string;
  readonly now: number;
}

function mayTake({ wanted, since, patienceMs }: Waiter, { url, pool, now }: FreeSlot): boolean {
  if (wanted.pool !== pool || wanted.except.has(url)) return false;
  return wanted.home === url || now - since >= patienceMs;
}

/** A build that waits in the order of the queue. */
interface Passable {
  readonly tenant: string;
  readonly priorityClass: PriorityClass;
  readonly passes: number;
}

/** Limits of the builds that take a slot before another one: builds of its tenant, and builds of other tenants. */
const [maxPassesOfTenant, maxPassesOfOthers] = [16, 4];

/**
 * Returns true if a build may take a slot where its layers are before a build that comes first in the queue. The limits keep the turns of tenants, and no build
 * waits for long. Priority classes keep their order.
 */
export function mayPass(later: Omit<Passable, 'passes'>, first: Passable): boolean {
  if (later.priorityClass !== first.priorityClass) return false;
  return first.passes < (later.tenant === first.tenant ? maxPassesOfTenant : maxPassesOfOthers);
}

/** Milliseconds between requests for builds that no message wakes. */
const pollMs = 250;
/** Builds that are polled at once. */
const polledAtOnce = 16;

/**
 * The builds of a worker that wait for a slot, in the order of the queue. A job that has just left the queue may be before others that wait here already:
 * another tenant's turn is now. Times are of `performance.now()`.
 */
export class Waiters {
  #all: Waiter[] = [];
  readonly #due = new Set<Waiter>();
  readonly #asked = new Set<Waiter>();
  #polledAt = Number.NEGATIVE_INFINITY;
  /** True when each build of the last poll got a slot, so that more slots may be free. */
  #hasMore = false;
  #polled: ReadonlySet<Waiter> = new Set();

  get size(): number {
    return this.#all.length;
  }

  /** Adds a build, for which a slot is requested in the next call. */
  add(waiter: Waiter): void {
    const isBefore = (other: Waiter) => other.wanted.priority <= waiter.wanted.priority;
    this.#all.splice(this.#all.findLastIndex(isBefore) + 1, 0, waiter);
    this.#due.add(waiter);
  }

  makeDue(waiters: Iterable<Waiter>): void {
    for (const waiter of waiters) this.#due.add(waiter);
  }

  /** Returns the builds of the next call, in order. Builds of a call in progress stay due. */
  takeDue(): readonly Waiter[] {
    if (this.#due.size === 0) return [];
    const due = this.#all.filter((waiter) => this.#due.has(waiter) && !this.#asked.has(waiter));
    for (const waiter of due) {
      this.#due.delete(waiter);
      this.#asked.add(waiter);
    }
    return due;
  }

  /** Removes the answered builds of a call. */
  noteAsked(waiters: readonly Waiter[], answered: readonly Waiter[], at: number): void {
    for (const waiter of waiters) {
      waiter.askedAt = at;
      this.#asked.delete(waiter);
    }
    const gone = new Set(answered);
    if (gone.size > 0) this.#all = this.#all.filter((waiter) => !gone.has(waiter));
    for (const waiter of answered) this.#due.delete(waiter);
    const polled = waiters.filter((waiter) => this.#polled.has(waiter));
    this.#hasMore = polled.length > 0 && polled.every((waiter) => gone.has(waiter));
  }

  /**
   * Returns the builds that take a free slot of a replica: the first that has its layers there, if it may pass the first of all. If it may not, or
   * none has its layers there, the first of all, and behind it the one with its layers. A build that waits for another replica, or is in a call in progress, is none of them.
   */
  takersOf(slot: FreeSlot): readonly Waiter[] {
    let first: Waiter | undefined;
    let atHome: Waiter | undefined;
    for (const waiter of this.#all) {
      if (this.#asked.has(waiter) || !mayTake(waiter, slot)) continue;
      const isHome = waiter.wanted.home === slot.url;
      if (isHome && (!first || mayPass(waiter.wanted, { ...first.wanted, passes: first.passes }))) {
        if (first) first.passes++;
        return [waiter];
      }
      first ??= waiter;
      if (isHome) atHome ??= waiter;
    }
    return [first, atHome].filter((waiter) => waiter !== undefined);
  }

  /** Returns true when a build of a call in progress may take a free slot, in case that call came too early for it. */
  asksFor(slot: FreeSlot): boolean {
    return [...this.#asked].some((waiter) => mayTake(waiter, slot));
  }

  /** Returns the builds that are due now without a message: their wait or their patience is over, or it is their turn to be polled. */
  dueByTime(now: number): readonly Waiter[] {
    const due = new Set<Waiter>();
    for (const waiter of this.#all) {
      const { since, waitMs, patienceMs, askedAt } = waiter;
      const ended = (ms: number) => now - since >= ms && askedAt - since < ms;
      if (ended(waitMs) || ended(patienceMs)) due.add(waiter);
    }
    if (this.#hasMore || now - this.#polledAt >= pollMs) {
      this.#polledAt = now;
      const turn = [...this.#all].sort((a, b) => a.askedAt - b.askedAt).slice(0, polledAtOnce);
      this.#polled = new Set(turn);
      for (const waiter of turn) due.add(waiter);
    }
    return [...due];
  }

  has(waiter: Waiter): boolean {
    return this.#all.includes(waiter);
  }

  /** Returns true for a build that is in the later half of those of its pool. */
  isLate(waiter: Waiter): boolean {
    const all = this.#all.filter(({ wanted }) => wanted.pool === waiter.wanted.pool);
    return all.indexOf(waiter) >= Math.floor(all.length / 2);
  }

  /** Returns the priority of the first build of a pool. A suspect may have to wait for other suspects, so it is not one. */
  firstOf(pool: string): number | undefined {
    return this.#all.find(({ wanted }) => wanted.pool === pool && !wanted.suspect)?.wanted.priority;
  }

  /** Returns the pools of builds that wait beside these. */
  otherPools(waiters: readonly Waiter[]): readonly string[] {
    const asked = new Set(waiters);
    const pools = new Set<string>();
    for (const waiter of this.#all) if (!asked.has(waiter)) pools.add(waiter.wanted.pool);
    return [...pools];
  }
}
