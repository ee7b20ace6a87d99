import type { Lease, SlotLedger } from '@slipway/control-plane/replicas';
import type { JobSpec } from '@slipway/shared/contracts';
import { mayPass, Preferences } from '@slipway/worker/decisions';
import type { SimulatedFleet } from './fleet.js';

/** A job that a worker holds without a slot. */
export interface Waiter {
  readonly leaseId: string;
  readonly id: string;
  readonly pool: string;
  readonly tenant: string;
  readonly priorityClass: JobSpec['priority'];
  readonly repository: string;
  readonly home: string | undefined;
  readonly suspect: boolean;
  /** The position of the job in the queue: lower is earlier. */
  readonly priority: number;
  readonly since: number;
  patienceMs: number;
  /** When the job may have to return to the queue. */
  tiredAt: number;
  asked: boolean;
  /** Times that a job which comes later in the queue took a slot. */
  passes: number;
}

/** Milliseconds after which a ready job may have to return to the queue. The worker has the same. */
const stayMs = 4_000;
/** A lease lives as long as its build: the simulation renews none. */
const leaseMs = 24 * 3_600_000;
/** Limit of jobs in one call of the ledger. */
const atOnce = 100;

/**
 * The jobs that wait for slots, by the rules of the worker's placement. It asks the ledger only for jobs whose answer can be another
 * than the last one: new jobs, and as many of the others as slots are free.
 */
export class WaitingRoom {
  readonly #ledger: SlotLedger;
  readonly #fleet: SimulatedFleet;
  readonly #preferences: Preferences;
  /** In the order of the queue, once sorted. */
  #waiting: Waiter[] = [];
  #isSorted = true;

  constructor({ ledger, fleet }: { ledger: SlotLedger; fleet: SimulatedFleet }) {
    this.#ledger = ledger;
    this.#fleet = fleet;
    this.#preferences = new Preferences(fleet);
  }

  get size(): number {
    return this.#waiting.length;
  }

  get ids(): string[] {
    return this.#waiting.map(({ id }) => id);
  }

  /** The priority of the first job that waits. */
  get first(): number | undefined {
    return this.#waiting.find(({ suspect }) => !suspect)?.priority;
  }

  /** Returns the next time at which the passage of time alone changes something for a waiter. */
  nextAfter(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { since, patienceMs, tiredAt } of this.#waiting) {
      for (const at of [since + patienceMs, tiredAt]) if (at > now && at < next) next = at;
    }
    return next;
  }

  add(waiter: Omit<Waiter, 'patienceMs' | 'tiredAt' | 'asked' | 'passes'>): void {
    const patienceMs = waiter.home === undefined ? 0 : stayMs;
    this.#waiting.push({ ...waiter, patienceMs, tiredAt: waiter.since + stayMs, asked: false, passes: 0 });
    this.#isSorted = false;
  }

  /** Removes and returns the jobs that go back to the queue, by the rules of `stays-ready.lua`. `first` is the priority of the first job there. */
  takeTired(now: number, first: number): Waiter[] {
    this.#sort();
    const tired = new Set<Waiter>();
    const isRoomy = this.#fleet.free * 16 >= this.#fleet.slots;
    for (const [at, waiter] of this.#waiting.entries()) {
      if (now < waiter.tiredAt) continue;
      const yields = at >= Math.floor(this.#waiting.length / 2) && first < waiter.priority;
      if (isRoomy || yields) tired.add(waiter);
      else waiter.tiredAt += stayMs;
    }
    if (tired.size > 0) this.#waiting = this.#waiting.filter((waiter) => !tired.has(waiter));
    return [...tired];
  }

  #sort(): void {
    if (!this.#isSorted) this.#waiting.sort((a, b) => a.priority - b.priority || a.since - b.since);
    this.#isSorted = true;
  }

  /** Takes slots for waiting jobs. Returns the jobs that have one now. */
  async takeSlots(now: number): Promise<{ readonly waiter: Waiter; readonly lease: Lease }[]> {
    const found: { waiter: Waiter; lease: Lease }[] = [];
    for (;;) {
      const asking = this.#asking(now);
      const areNew = asking.some(({ asked }) => !asked);
      const got = asking.length > 0 ? await this.#ask(asking, now) : [];
      found.push(...got);
      if (got.length === 0 && !areNew) return found;
    }
  }

  /** Returns the jobs to ask for, in the order of the request. */
  #asking(now: number): Waiter[] {
    this.#sort();
    const fresh = this.#waiting.filter(({ asked }) => !asked).slice(0, atOnce);
    const free = Math.max(0, this.#fleet.free);
    const others = free > 0 ? this.#takers(free, now) : [];
    return [...others, ...fresh].slice(0, atOnce);
  }

  /** Returns jobs for free slots: those whose layers are there, as far as they may pass the jobs before them, and the first of the others. */
  #takers(free: number, now: number): Waiter[] {
    const atHome: Waiter[] = [];
    const others: Waiter[] = [];
    const taken = new Map<string, number>();
    for (const waiter of this.#waiting) {
      if (atHome.length >= free) break;
      if (!waiter.asked) continue;
      const { home, since, patienceMs } = waiter;
      const used = home === undefined ? 0 : (taken.get(home) ?? 0);
      if (home !== undefined && this.#fleet.freeOf(home) > used) {
        const first = others[0];
        if (!first || mayPass(waiter, first)) {
          if (first) first.passes++;
          atHome.push(waiter);
          taken.set(home, used + 1);
          continue;
        }
      }
      if (now - since >= patienceMs || home === undefined || !this.#fleet.isBuilding(home))
        others.push(waiter);
    }
    return [...atHome, ...others].slice(0, free);
  }

  async #ask(asking: readonly Waiter[], now: number) {
    const requests = asking.map((waiter) => ({
      ...{ id: waiter.leaseId, pool: waiter.pool, suspect: waiter.suspect },
      ...this.#preferences.of(waiter),
      onlyHome: now - waiter.since < waiter.patienceMs,
    }));
    const replies = await this.#ledger.acquire(requests, leaseMs);
    const got: { waiter: Waiter; lease: Lease }[] = [];
    for (const [at, waiter] of asking.entries()) {
      const reply = replies[at];
      if (reply?.lease) got.push({ waiter, lease: reply.lease });
      else if (now - waiter.since < waiter.patienceMs && !waiter.asked)
        waiter.patienceMs = reply?.patienceMs ?? 0;
      waiter.asked = true;
    }
    if (got.length > 0) {
      const served = new Set(got.map(({ waiter }) => waiter));
      this.#waiting = this.#waiting.filter((waiter) => !served.has(waiter));
    }
    for (const { lease } of got) this.#fleet.take(lease.url);
    return got;
  }
}
