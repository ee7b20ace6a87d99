import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AcquireReply,
  Lease,
  ReplicaOutcome,
  SlotLedger,
  SlotRequest,
} from '@slipway/control-plane/replicas';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { LeaseHold, Renewal } from '../renewal/renewal.js';
import type { Replica } from './discovery.js';
import { lackingError } from './lacking.js';
import { Preferences } from './preferences.js';
import { type NewWaiter, type Stay, type Waiter, Waiters, type Wanted } from './waiters.js';

interface PlacementOptions {
  readonly ledger: SlotLedger;
  readonly renewal: Pick<Renewal, 'holdLease'>;
  readonly discovery: { replicas(): readonly Replica[]; mayGrow(pool: string): boolean };
  /** Milliseconds that a lease lives without renewal. */
  readonly ttlMs: number;
  /** The same for the lease of a build that goes on at its replica without its worker. */
  readonly keptTtlMs: number;
  /** Called for a lease that this worker could not renew in time. Its build must end before another worker gets the slot. */
  readonly onLost: (lease: Lease) => void;
  readonly onCircuit: (url: string, change: 'opened' | 'closed') => void;
  /** The name of this worker, by which it is woken when a slot is free. The ledger has the same. */
  readonly origin: string;
  /** A connection that is given over to subscriptions. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly logger: Logger;
}

/** Milliseconds between looks at the jobs that wait. */
const lookMs = 50;
/** Share of a lease's life left when its build is stopped. The build must end at the replica within this time. */
const marginShare = 0.15;

interface BeginOptions<T> {
  /** The build waits until it may not stay. */
  readonly stays: Stay;
  readonly signal: AbortSignal;
  readonly begin: (replica: string) => Promise<T | undefined>;
}

/** The results of a call for one build. */
interface Answer {
  readonly reply: AcquireReply | undefined;
  /** Fulfilled with true if the attempt has begun. */
  readonly begun: PromiseSettledResult<boolean> | undefined;
  /** The time of the call. */
  readonly asked: number;
}

interface Held {
  readonly lease: Lease;
  readonly hold: LeaseHold;
  /** The replica keeps the build, so it goes on when the lease is lost. */
  readonly isKept: boolean;
}

/** Finds a replica for each build, and keeps the slots of this worker's builds while they run. */
export class Placement implements Component {
  readonly name = 'placement';
  readonly #options: PlacementOptions;
  readonly #preferences: Preferences;
  readonly #held = new Map<string, Held>();
  readonly #waiters = new Waiters();
  /** Replicas with a slot that came free while a call was in progress that may have come too early for it. */
  readonly #early: string[] = [];
  #freeing = 0;
  #asking = false;
  #look: NodeJS.Timeout | undefined;

  constructor(options: PlacementOptions) {
    this.#options = options;
    this.#preferences = new Preferences(options.discovery);
  }

  /**
   * A slot, waited for up to `waitMs`; undefined when none came free or the signal was aborted. The replica that has
   * the layers is waited for a while even if another has room: building without them costs more. Rejects with `no_isolated_builder` when the build
   * needs isolation and all replicas of the pool are known to have none, and with `no_builder_with_options` when it needs a feature that none of them has.
   */
  acquire(wanted: Wanted, waitMs: number, signal: AbortSignal): Promise<Lease | undefined> {
    return this.#acquire({ wanted, waitMs, signal });
  }

  /**
   * The same, and begins the attempt on the replica that probably has the slot: `begin` is called right behind the request for the slot, so that its commands need no
   * round trip of their own. It returns undefined, and changes nothing, if the build has no slot of that replica. `begun` is its result if it has.
   */
  async acquireAndBegin<T>(
    wanted: Wanted,
    { signal, begin, stays }: BeginOptions<T>,
  ): Promise<{ readonly lease: Lease; readonly begun: T | undefined } | undefined> {
    let begun: T | undefined;
    const beginAt = async (replica: string) => {
      begun = await begin(replica);
      return begun !== undefined;
    };
    const lease = await this.#acquire({ wanted, waitMs: stays.everyMs, signal, begin: beginAt, stays });
    return lease && { lease, begun };
  }

  #acquire(asked: NewWaiter): Promise<Lease | undefined> {
    const { wanted, waitMs, signal, begin, stays } = asked;
    return new Promise((resolve, reject) => {
      const ask = () => this.#ask(waiter);
      signal.addEventListener('abort', ask);
      const withoutListener =
        <T>(end: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener('abort', ask);
          end(value);
        };
      const waiter: Waiter = {
        ...{ wanted, waitMs, signal, begin, stays },
        ...{ since: performance.now(), askedAt: Number.NEGATIVE_INFINITY, passes: 0 },
        patienceMs: wanted.home === undefined ? 0 : waitMs,
        resolve: withoutListener(resolve),
        reject: withoutListener(reject),
      };
      this.#waiters.add(waiter);
      this.#ask();
    });
  }

  /** Waits up to `waitMs` until the pool has a replica, without a call of Redis. Returns whether it has one. */
  async hasReplica(pool: string, waitMs: number, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + waitMs;
    for (;;) {
      const replicas = this.#options.discovery.replicas();
      if (replicas.some((replica) => replica.pool === pool && !replica.isLeaving)) return true;
      if (signal.aborted || performance.now() >= until) return false;
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Returns the priority of the first job of a pool that waits for a slot here. */
  firstOf(pool: string): number | undefined {
    return this.#waiters.firstOf(pool);
  }

  /** Requests slots for the jobs that are due, and for these, in one call, now or after the call in progress. */
  #ask(...waiters: readonly Waiter[]): void {
    this.#waiters.makeDue(waiters);
    if (!this.#asking) void this.#rounds();
  }

  /** Requests a slot that came free for these jobs at once: a call in progress may have come too early for it. */
  #askFor(url: string, takers: readonly Waiter[]): void {
    this.#waiters.makeDue(takers);
    void this.#round(this.#waiters.takeDue(), url);
  }

  async #rounds(): Promise<void> {
    this.#asking = true;
    for (let due = this.#waiters.takeDue(); due.length > 0; due = this.#waiters.takeDue())
      await this.#round(due);
    this.#asking = false;
    this.#lookLater();
  }

  #lookLater(): void {
    if (this.#waiters.size === 0) return;
    this.#look ??= setTimeout(() => {
      this.#look = undefined;
      this.#ask(...this.#waiters.dueByTime(performance.now()));
    }, lookMs);
  }

  /** Requests slots for jobs. `freed` is a replica with a slot that came free for them. Never rejects: the waiters receive the error. */
  async #round(waiters: readonly Waiter[], freed?: string): Promise<void> {
    const { ledger, ttlMs } = this.#options;
    const asked = performance.now();
    try {
      const requests = waiters.map((waiter) => this.#request(waiter, asked));
      const replying = ledger.acquire(requests, ttlMs, this.#waiters.otherPools(waiters));
      // These commands follow on the same connection, so they find the slots.
      const beginning = Promise.allSettled(waiters.map((waiter) => this.#begin(waiter, freed)));
      const replies = await replying;
      const begun = await beginning;
      const answered = waiters.filter((waiter, at) =>
        this.#answer(waiter, { reply: replies[at], begun: begun[at], asked }),
      );
      this.#waiters.noteAsked(waiters, answered, asked);
      const urls = replies.flatMap(({ lease }) => lease?.url ?? []);
      // They took slots of other replicas, so this one is left for others.
      if (freed !== undefined && urls.length > 0 && !urls.includes(freed)) this.#early.push(freed);
    } catch (error) {
      this.#waiters.noteAsked(waiters, waiters, asked);
      for (const { reject } of waiters) reject(error);
    }
    for (const url of this.#early.splice(0)) this.#offer(url);
    // Some may have become due meanwhile.
    if (freed !== undefined) this.#ask();
  }

  /** Begins an attempt on the replica that will have the slot if any has: the one with the slot that came free, or the first choice while no other build waits. */
  async #begin({ wanted, begin }: Waiter, freed: string | undefined): Promise<boolean> {
    if (!begin) return false;
    const isAlone = this.#waiters.size === 1;
    const replica = freed ?? (isAlone ? this.#preferences.of(wanted).preference[0] : undefined);
    return replica !== undefined && (await begin(replica));
  }

  #request({ wanted, since, patienceMs }: Waiter, now: number): SlotRequest {
    const { id, pool, suspect, needsIsolation, needsFeature } = wanted;
    const { home, preference } = this.#preferences.of(wanted);
    return {
      ...{ id, pool, preference, home, suspect, needsIsolation, needsFeature },
      except: [...wanted.except, ...this.#preferences.others(pool)],
      onlyHome: now - since < patienceMs,
    };
  }

  /** Returns true once the waiter has its answer. */
  #answer(waiter: Waiter, { reply, begun, asked }: Answer): boolean {
    const { wanted, since, waitMs, signal, patienceMs, resolve, reject } = waiter;
    if (reply?.lease && begun?.status === 'rejected') {
      this.#options.ledger.free(reply.lease, 'none').catch(() => undefined);
      reject(begun.reason);
      return true;
    }
    const hasBegun = begun?.status === 'fulfilled' && begun.value;
    if (reply?.lease && !hasBegun && !this.#preferences.knows(reply.lease.url, wanted.pool)) {
      // Another worker announced it, or this worker sees its end first.
      this.#options.ledger.free(reply.lease, 'none').catch(() => undefined);
      this.#waiters.makeDue([waiter]);
      return false;
    }
    if (reply?.lease) {
      this.#held.set(wanted.id, {
        lease: reply.lease,
        hold: this.#options.renewal.holdLease(reply.lease, asked),
        isKept: false,
      });
      // It came too late: the build may not begin any more.
      const isLate = signal.aborted && !hasBegun;
      if (isLate) this.free(reply.lease, 'none');
      resolve(isLate ? undefined : reply.lease);
      return true;
    }
    // A replica that refused may be able to build it, so this reply does not describe the whole pool.
    const isWhole = wanted.except.size === 0 && !this.#options.discovery.mayGrow(wanted.pool);
    if (reply?.lacking && isWhole) {
      reject(lackingError(reply.lacking, wanted.pool));
      return true;
    }
    const waited = asked - since;
    if (signal.aborted || (waited >= waitMs && !waiter.stays)) {
      resolve(undefined);
      return true;
    }
    if (waited >= waitMs && waiter.stays) void this.#askToStay(waiter, waiter.stays);
    // Another replica may have room: the question is only whether to go there.
    if (waited < patienceMs) waiter.patienceMs = reply?.patienceMs ?? 0;
    return false;
  }

  /** Asks whether a build may wait on. If not, its wait ends with one more request. */
  async #askToStay(waiter: Waiter, { everyMs, may }: Stay): Promise<void> {
    waiter.waitMs += everyMs;
    // If Redis does not answer, the return to the queue reports that.
    const stays = await may(this.#waiters.isLate(waiter)).catch(() => false);
    if (stays || !this.#waiters.has(waiter)) return;
    waiter.stays = undefined;
    waiter.waitMs = 0;
    this.#ask(waiter);
  }

  /**
   * Frees a slot and records what the call showed about the replica. Callers do not wait for it: the job's end is recorded at
   * the same time. A slot that cannot be given back runs out.
   */
  free(lease: Lease, outcome: ReplicaOutcome): void {
    const { ledger, onCircuit, logger } = this.#options;
    this.#held.get(lease.id)?.hold.release();
    this.#held.delete(lease.id);
    this.#freeing++;
    const takers = this.#takersOf(lease.url);
    const isAwaited = takers.length === 0 && this.#isAwaited(lease.url);
    ledger
      .free(lease, outcome, takers.length > 0 || isAwaited)
      .then((change) => {
        if (change) onCircuit(lease.url, change);
      })
      .catch((error: unknown) => logger.warn({ err: error, replica: lease.url }, 'a slot was not given back'))
      .finally(() => {
        this.#freeing--;
      });
    // Follows on the same connection, so a local waiter gets the slot without a message that it is free.
    if (takers.length > 0) this.#askFor(lease.url, takers);
    if (isAwaited) this.#early.push(lease.url);
  }

  #takersOf(url: string): readonly Waiter[] {
    const pool = this.#preferences.poolOf(url);
    return pool === undefined ? [] : this.#waiters.takersOf({ url, pool, now: performance.now() });
  }

  #isAwaited(url: string): boolean {
    const pool = this.#preferences.poolOf(url);
    return pool !== undefined && this.#waiters.asksFor({ url, pool, now: performance.now() });
  }

  /** Requests a free slot of a replica for a build of this worker, or wakes another worker. */
  #offer(url: string): void {
    const takers = this.#takersOf(url);
    if (takers.length > 0) {
      this.#askFor(url, takers);
      return;
    }
    if (this.#isAwaited(url)) {
      this.#early.push(url);
      return;
    }
    const pool = this.#preferences.poolOf(url);
    if (pool === undefined) return;
    this.#options.ledger.wakeAnother(pool, url).catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, 'a free slot is seen only by polling');
    });
  }

  /** Keeps the slot for longer between two renewals: the replica keeps the build. The build is not stopped when the lease is lost. */
  keep(lease: Lease): void {
    if (this.#held.get(lease.id)?.lease === lease) this.#keep(lease, performance.now());
  }

  #keep(lease: Lease, since: number): void {
    const { renewal, keptTtlMs } = this.#options;
    this.#held.get(lease.id)?.hold.release();
    this.#held.set(lease.id, { lease, isKept: true, hold: renewal.holdLease(lease, since, keptTtlMs) });
  }

  /** Takes over the slot of a build that goes on at its replica. */
  async adopt(slot: Pick<Lease, 'id' | 'url'>): Promise<Lease> {
    const { ledger, keptTtlMs } = this.#options;
    const requestedAt = performance.now();
    const lease = await ledger.adopt(slot, keptTtlMs);
    this.#keep(lease, requestedAt);
    return lease;
  }

  /** Leaves a slot to the worker that continues its build. */
  leave(lease: Lease): void {
    // This worker itself may have taken the build over.
    const held = this.#held.get(lease.id);
    if (held?.lease !== lease) return;
    held.hold.release();
    this.#held.delete(lease.id);
  }

  /** Returns true while the slot is this worker's. It is lost when Redis was unreachable for long after the slot was acquired. */
  holds({ id }: Lease): boolean {
    const held = this.#held.get(id);
    return held !== undefined && (held.isKept || !this.#isLost(held));
  }

  /** Builds that this worker has on each replica. */
  inFlight(): ReadonlyMap<string, number> {
    const counts = new Map(this.#options.discovery.replicas().map(({ url }) => [url, 0]));
    for (const { lease } of this.#held.values()) counts.set(lease.url, (counts.get(lease.url) ?? 0) + 1);
    return counts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { subscriber, keys, origin, logger } = this.#options;
    const freed = keys.freed(origin);
    subscriber.on('message', (channel: string, url: string) => {
      if (channel === freed) this.#offer(url);
    });
    subscriber.subscribe(freed).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ err: error }, 'free slots are seen only by polling');
    });
    // Builds are still running while the process drains, so this goes on until the last slot is given back.
    while (!signal.aborted || this.#held.size > 0 || this.#freeing > 0) {
      this.#stopLost();
      await (signal.aborted ? sleep(100) : sleep(250, undefined, { signal }).catch(() => undefined));
    }
  }

  #isLost({ hold }: Held): boolean {
    return hold.msLeft < this.#options.ttlMs * marginShare;
  }

  #stopLost(): void {
    for (const held of this.#held.values())
      if (!held.isKept && this.#isLost(held)) this.#options.onLost(held.lease);
  }
}
