import { setTimeout as sleep } from 'node:timers/promises';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import {
  type AcquireReply,
  type Lease,
  type ReplicaOutcome,
  rendezvous,
  type SlotLedger,
} from '@slipway/shared/replicas';
import type { Replica } from './discovery.js';

interface PlacementOptions {
  readonly ledger: SlotLedger;
  readonly discovery: { replicas(): readonly Replica[] };
  /** How long a lease lives without being renewed, in milliseconds. */
  readonly ttlMs: number;
  /** Told of the lease that this worker could not renew in time: its build must end before somebody else has the slot. */
  readonly onLost: (lease: Lease) => void;
  readonly onCircuit: (url: string, change: 'opened' | 'closed') => void;
  /** A connection that is given over to subscriptions. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly logger: Logger;
}

interface Wanted {
  /** Of the lease; the same job has another one in each attempt. */
  readonly id: string;
  /** What the replicas' caches go by. */
  readonly repository: string;
  readonly suspect: boolean;
  /** The replica that has the layers of the image, if one is known. */
  readonly home: string | undefined;
  /** Replicas that have refused it already. */
  readonly except: ReadonlySet<string>;
}

/** In case the announcement of a free slot is missed. */
const retryMs = 50;
/** Of a lease's life, what is left when its build is stopped: it must have ended at the replica by then. */
const marginShare = 0.15;

interface Held {
  readonly lease: Lease;
  aliveUntil: number;
}

/** Finds a replica for each build, and keeps the slots of this worker's builds while they run. */
export class Placement implements Component {
  readonly name = 'placement';
  readonly #options: PlacementOptions;
  readonly #held = new Map<string, Held>();
  #releasing = 0;
  readonly #wake = new Set<() => void>();

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /**
   * A slot, waited for up to `waitMs`; undefined when none came free or the signal was aborted. The replica that has
   * the layers is waited for a while even if another has room: building without them costs more.
   */
  async acquire(wanted: Wanted, waitMs: number, signal: AbortSignal): Promise<Lease | undefined> {
    const begun = performance.now();
    let patienceMs = wanted.home === undefined ? 0 : waitMs;
    for (;;) {
      const waited = performance.now() - begun;
      const reply = await this.#tryOnce(wanted, waited < patienceMs);
      if (reply.lease || waited >= waitMs || signal.aborted) return reply.lease;
      // Another replica may have room: the question is only whether to go there.
      if (waited < patienceMs) patienceMs = reply.patienceMs;
      await this.#freed(retryMs);
    }
  }

  async #tryOnce(
    { id, repository, suspect, home, except }: Wanted,
    onlyHome: boolean,
  ): Promise<AcquireReply> {
    const { ledger, discovery, ttlMs } = this.#options;
    const urls = discovery.replicas().flatMap(({ url }) => (except.has(url) ? [] : [url]));
    const order = rendezvous(repository, urls);
    const preference =
      home !== undefined && urls.includes(home) ? [home, ...order.filter((url) => url !== home)] : order;
    const asked = performance.now();
    const reply = await ledger.acquire({ id, preference, ttlMs, suspect, home, onlyHome });
    if (reply.lease) this.#held.set(id, { lease: reply.lease, aliveUntil: asked + ttlMs });
    return reply;
  }

  /**
   * Gives a slot back, with what the call said about the replica. Nobody waits for it: the job's end is recorded at
   * the same time. A slot that cannot be given back runs out.
   */
  release(lease: Lease, outcome: ReplicaOutcome): void {
    const { ledger, onCircuit, logger } = this.#options;
    this.#held.delete(lease.id);
    this.#releasing++;
    ledger
      .release(lease, outcome)
      .then((change) => {
        if (change) onCircuit(lease.url, change);
      })
      .catch((error: unknown) => logger.warn({ err: error, replica: lease.url }, 'a slot was not given back'))
      .finally(() => {
        this.#releasing--;
      });
  }

  /** Whether the slot is still this worker's. It is not when Redis was away for long after it had been taken. */
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

  /** Until a slot came free anywhere, or for so many milliseconds. */
  #freed(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wake.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#wake.add(wake);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { ttlMs, subscriber, keys, logger } = this.#options;
    subscriber.on('message', (channel: string) => {
      if (channel === keys.freed) for (const wake of this.#wake) wake();
    });
    subscriber.subscribe(keys.freed).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ err: error }, 'free slots are seen only by polling');
    });
    let renewing = false;
    let renewedAt = 0;
    // Builds are still running while the process drains, so this goes on until the last slot is given back.
    while (!signal.aborted || this.#held.size > 0 || this.#releasing > 0) {
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
