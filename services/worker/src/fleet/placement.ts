import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AcquireReply,
  Lease,
  ReplicaOutcome,
  SlotLedger,
  SlotRequest,
} from '@slipway/control-plane/replicas';
import { type BuilderFeature, sharedMachineEngines } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { Replica } from './discovery.js';
import { Preferences } from './preferences.js';

interface PlacementOptions {
  readonly ledger: SlotLedger;
  readonly discovery: { replicas(): readonly Replica[]; mayGrow(pool: string): boolean };
  /** Milliseconds that a lease lives without renewal. */
  readonly ttlMs: number;
  /** Called for a lease that this worker could not renew in time. Its build must end before another worker gets the slot. */
  readonly onLost: (lease: Lease) => void;
  readonly onCircuit: (url: string, change: 'opened' | 'closed') => void;
  /** Name of this worker in the ledger's messages about freed slots. */
  readonly origin: string;
  /** A connection that is given over to subscriptions. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly logger: Logger;
}

interface Wanted {
  /** Id of the lease. Each attempt of a job has its own. */
  readonly id: string;
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

/** Milliseconds between requests for a slot while a job waits. */
const retryMs = 50;
/** Share of a lease's life left when its build is stopped. The build must end at the replica within this time. */
const marginShare = 0.15;

/** A build that waits for a slot. */
interface Waiter {
  readonly wanted: Wanted;
  readonly since: number;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** For how long it waits for the replica that has the layers, whatever room others have. */
  patienceMs: number;
  readonly resolve: (lease: Lease | undefined) => void;
  readonly reject: (error: unknown) => void;
}

interface Held {
  readonly lease: Lease;
  aliveUntil: number;
}

/** Finds a replica for each build, and keeps the slots of this worker's builds while they run. */
export class Placement implements Component {
  readonly name = 'placement';
  readonly #options: PlacementOptions;
  readonly #preferences: Preferences;
  readonly #held = new Map<string, Held>();
  #freeing = 0;
  /** In the order of the queue. A job that has just left the queue may be before others that wait here already: another tenant's turn is now. */
  #waiting: Waiter[] = [];
  #asking = false;
  #askAgain = false;
  #retry: NodeJS.Timeout | undefined;

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
    return new Promise((resolve, reject) => {
      const ask = () => this.#ask();
      signal.addEventListener('abort', ask);
      const withoutListener =
        <T>(end: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener('abort', ask);
          end(value);
        };
      this.#wait({
        wanted,
        since: performance.now(),
        waitMs,
        signal,
        patienceMs: wanted.home === undefined ? 0 : waitMs,
        resolve: withoutListener(resolve),
        reject: withoutListener(reject),
      });
      this.#ask();
    });
  }

  #wait(...waiters: readonly Waiter[]): void {
    this.#waiting.push(...waiters);
    this.#waiting.sort((a, b) => a.wanted.priority - b.wanted.priority || a.since - b.since);
  }

  /** Waits up to `waitMs` until the pool has a replica, without a call of Redis. Returns whether it has one. */
  async hasReplica(pool: string, waitMs: number, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + waitMs;
    for (;;) {
      const replicas = this.#options.discovery.replicas();
      if (replicas.some((replica) => replica.pool === pool && !replica.isLeaving)) return true;
      if (signal.aborted || performance.now() >= until) return false;
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Requests slots for all waiting jobs of this worker in one call, now or after the call in progress. */
  #ask(): void {
    this.#askAgain = true;
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#retry);
    void this.#rounds();
  }

  /** Never rejects: the waiters receive the error. */
  async #rounds(): Promise<void> {
    while (this.#askAgain && this.#waiting.length > 0) {
      this.#askAgain = false;
      await this.#round();
    }
    this.#asking = false;
    if (this.#waiting.length > 0) this.#retry = setTimeout(() => this.#ask(), retryMs);
  }

  async #round(): Promise<void> {
    const { ledger, ttlMs } = this.#options;
    const waiters = this.#waiting;
    this.#waiting = [];
    const asked = performance.now();
    try {
      const replies = await ledger.acquire(
        waiters.map((waiter) => this.#request(waiter, asked)),
        ttlMs,
      );
      const still = waiters.filter((waiter, at) => !this.#answer(waiter, replies[at], asked));
      this.#wait(...still);
    } catch (error) {
      for (const { reject } of waiters) reject(error);
    }
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
  #answer(waiter: Waiter, reply: AcquireReply | undefined, asked: number): boolean {
    const { wanted, since, waitMs, signal, patienceMs, resolve, reject } = waiter;
    if (reply?.lease && !this.#preferences.knows(reply.lease.url, wanted.pool)) {
      // Another worker announced it, or this worker sees its end first.
      this.#options.ledger.free(reply.lease, 'none').catch(() => undefined);
      this.#askAgain = true;
      return false;
    }
    if (reply?.lease) {
      this.#held.set(wanted.id, { lease: reply.lease, aliveUntil: asked + this.#options.ttlMs });
      // It came too late: the build may not begin any more.
      if (signal.aborted) this.free(reply.lease, 'none');
      resolve(signal.aborted ? undefined : reply.lease);
      return true;
    }
    // A replica that refused may be able to build it, so this reply does not describe the whole pool.
    const isWhole = wanted.except.size === 0 && !this.#options.discovery.mayGrow(wanted.pool);
    if (reply?.lacking && isWhole) {
      reject(
        reply.lacking === 'isolation' ? noIsolatedBuilder(wanted.pool) : noBuilderWithOptions(wanted.pool),
      );
      return true;
    }
    const waited = asked - since;
    if (waited >= waitMs || signal.aborted) {
      resolve(undefined);
      return true;
    }
    // Another replica may have room: the question is only whether to go there.
    if (waited < patienceMs) waiter.patienceMs = reply?.patienceMs ?? 0;
    return false;
  }

  /**
   * Frees a slot and records what the call showed about the replica. Callers do not wait for it: the job's end is recorded at
   * the same time. A slot that cannot be given back runs out.
   */
  free(lease: Lease, outcome: ReplicaOutcome): void {
    const { ledger, onCircuit, logger } = this.#options;
    this.#held.delete(lease.id);
    this.#freeing++;
    ledger
      .free(lease, outcome)
      .then((change) => {
        if (change) onCircuit(lease.url, change);
      })
      .catch((error: unknown) => logger.warn({ err: error, replica: lease.url }, 'a slot was not given back'))
      .finally(() => {
        this.#freeing--;
      });
    // Follows on the same connection, so a local waiter gets the slot without a message that it is free.
    this.#ask();
  }

  /** Returns true while the slot is this worker's. It is lost when Redis was unreachable for long after the slot was acquired. */
  holds({ id }: Lease): boolean {
    const held = this.#held.get(id);
    return held !== undefined && !this.#isLost(held);
  }

  /** Builds that this worker has on each replica. */
  inFlight(): ReadonlyMap<string, number> {
    const counts = new Map(this.#options.discovery.replicas().map(({ url }) => [url, 0]));
    for (const { lease } of this.#held.values()) counts.set(lease.url, (counts.get(lease.url) ?? 0) + 1);
    return counts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { ttlMs, subscriber, keys, origin, logger } = this.#options;
    subscriber.on('message', (channel: string, from: string) => {
      if (channel === keys.freed && from !== origin) this.#ask();
    });
    subscriber.subscribe(keys.freed).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ err: error }, 'free slots are seen only by polling');
    });
    let renewing = false;
    let renewedAt = 0;
    // Builds are still running while the process drains, so this goes on until the last slot is given back.
    while (!signal.aborted || this.#held.size > 0 || this.#freeing > 0) {
      if (!renewing && performance.now() - renewedAt > ttlMs / 3) {
        renewing = true;
        renewedAt = performance.now();
        this.#renew()
          .catch((error: unknown) => logger.warn({ err: error }, 'slots not renewed'))
          .finally(() => {
            renewing = false;
          });
      }
      this.#stopLost();
      await (signal.aborted ? sleep(100) : sleep(250, undefined, { signal }).catch(() => undefined));
    }
  }

  async #renew(): Promise<void> {
    const { ledger, ttlMs } = this.#options;
    const held = [...this.#held.values()];
    if (held.length === 0) return;
    const asked = performance.now();
    const lost = await ledger.renew(
      held.map(({ lease }) => lease),
      ttlMs,
    );
    for (const each of held) each.aliveUntil = lost.includes(each.lease.id) ? asked : asked + ttlMs;
  }

  #isLost({ aliveUntil }: Held): boolean {
    return performance.now() > aliveUntil - this.#options.ttlMs * marginShare;
  }

  #stopLost(): void {
    for (const held of this.#held.values()) if (this.#isLost(held)) this.#options.onLost(held.lease);
  }
}

const noIsolatedBuilder = (pool: string) =>
  new SlipwayError(
    'no_isolated_builder',
    `All replicas of the pool ${pool} report the engine ${sharedMachineEngines.join(' or ')}, where builds reach the machine or each other. They build no jobs of tenants other than default.`,
  );

const noBuilderWithOptions = (pool: string) =>
  new SlipwayError(
    'no_builder_with_options',
    `No replica of the pool ${pool} that may build this job reports the feature build-options: others ignore dockerfile, target, tags, labels, annotations, no_cache and pull.`,
  );
