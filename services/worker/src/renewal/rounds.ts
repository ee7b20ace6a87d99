import type { Logger } from '@slipway/shared/logger';
import { type Redis, runBundle, type ScriptBundle } from '@slipway/shared/redis/connection';
import { monotonicMs, SharedNumber } from './shared-number.js';

/** A lock or lease that the worker holds from now on, or the release of one. Each has its own number. */
export type Change =
  | { readonly kind: 'lock'; readonly number: number; readonly lock: Lock }
  | { readonly kind: 'lease'; readonly number: number; readonly lease: SharedLease }
  | { readonly kind: 'release'; readonly number: number };

/** The lock of a job that BullMQ gave to this worker. */
export interface Lock {
  /** The beginning of the keys of the queue. */
  readonly queue: string;
  readonly id: string;
  readonly token: string;
}

export interface SharedLease {
  readonly id: string;
  readonly url: string;
  /** Milliseconds that it lives without renewal. */
  readonly ttlMs: number;
  /** A `SharedNumber`: until when the lease lives, by `monotonicMs`. 0 for a lost one. */
  readonly aliveUntil: SharedArrayBuffer;
}

interface HeldLease {
  readonly id: string;
  readonly url: string;
  readonly ttlMs: number;
  readonly aliveUntil: SharedNumber;
}

/** Numbers that both threads see. */
interface RenewalState {
  /** When the event loop of the main thread ran last, by `monotonicMs`. The main thread writes it. */
  readonly beatAt: SharedNumber;
  /** When the last round began that renewed everything. */
  readonly renewedAt: SharedNumber;
  /** Rounds that came too late. */
  readonly lateRounds: SharedNumber;
}

export interface RoundsOptions {
  readonly redis: Redis & { seekPrimary(): void };
  /** The prefix of every key. */
  readonly base: string;
  readonly scripts: { readonly locks: ScriptBundle; readonly leases: ScriptBundle };
  /** Milliseconds that locks and leases live without renewal. */
  readonly lockDurationMs: number;
  readonly state: RenewalState;
  /** Returns the next changes of what the worker holds; undefined when there are none now. */
  readonly nextChanges: () => readonly Change[] | undefined;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** Rounds in the life of a lock. */
const roundsPerLife = 3;
/** Tries in the life of a lock while Redis refuses. */
const triesPerLife = 15;
/** Lives of a lock for which the main thread may be stuck. Two minutes by default. */
const stuckLives = 8;

/** Renews all locks and leases of a worker in rounds. A round is one script for the locks and one for the leases. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #locks = new Map<number, Lock>();
  readonly #leases = new Map<number, HeldLease>();
  #isStuck = false;
  #hasFailed = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Renews everything that the worker holds. Returns the milliseconds to wait until the next round. Never rejects. */
  async renew(): Promise<number> {
    const { redis, lockDurationMs, state, logger } = this.#options;
    this.#takeChanges();
    if (this.#noteStuck()) return lockDurationMs / roundsPerLife;
    const started = monotonicMs();
    const outcomes = await Promise.allSettled([this.#renewLocks(), this.#renewLeases(started)]);
    const failure = outcomes.find(({ status }) => status === 'rejected');
    if (failure?.status === 'rejected') {
      if (!this.#hasFailed) logger.warn({ err: failure.reason }, 'locks and slots not renewed');
      this.#hasFailed = true;
      // A frozen server, or a network that is gone, closes no connection.
      redis.seekPrimary();
      return lockDurationMs / triesPerLife;
    }
    this.#hasFailed = false;
    if (started - state.renewedAt.value > (2 * lockDurationMs) / roundsPerLife) state.lateRounds.value++;
    state.renewedAt.value = started;
    return Math.max(0, started + lockDurationMs / roundsPerLife - monotonicMs());
  }

  #takeChanges(): void {
    const { nextChanges } = this.#options;
    for (let changes = nextChanges(); changes; changes = nextChanges())
      for (const change of changes) this.#take(change);
  }

  #take(change: Change): void {
    const { kind, number } = change;
    if (kind === 'lock') this.#locks.set(number, change.lock);
    else if (kind === 'lease') {
      const { id, url, ttlMs, aliveUntil } = change.lease;
      this.#leases.set(number, { id, url, ttlMs, aliveUntil: new SharedNumber(aliveUntil) });
    } else {
      this.#locks.delete(number);
      this.#leases.delete(number);
    }
  }

  /** Returns true if the main thread is stuck. Other workers take its jobs over then. */
  #noteStuck(): boolean {
    const { lockDurationMs, state, logger } = this.#options;
    const silentMs = monotonicMs() - state.beatAt.value;
    const isStuck = silentMs > stuckLives * lockDurationMs;
    const fields = {
      silent_seconds: Math.round(silentMs / 1_000),
      locks: this.#locks.size,
      slots: this.#leases.size,
    };
    if (isStuck && !this.#isStuck)
      logger.error(fields, 'the event loop is stuck: locks and slots are not renewed any more');
    if (!isStuck && this.#isStuck) logger.info(fields, 'the event loop runs again');
    this.#isStuck = isStuck;
    return isStuck;
  }

  async #renewLocks(): Promise<void> {
    const { scripts, lockDurationMs, logger } = this.#options;
    const held = [...this.#locks];
    const rows = held.map(([, { queue, id, token }]) => [queue, id, token]);
    const lost = await this.#run(scripts.locks, { ttlMs: lockDurationMs, list: 'locks', rows });
    for (const [number, { id }] of held) if (lost.has(id)) this.#locks.delete(number);
    // Another worker may have the jobs. Their records decide who works on them.
    if (lost.size > 0) logger.warn({ jobs: [...lost] }, 'locks were lost');
  }

  /** Renews the leases of each lifetime with one script. Leases of builds that go on without their worker live longer. */
  async #renewLeases(started: number): Promise<void> {
    const lifetimes = new Set([...this.#leases.values()].map(({ ttlMs }) => ttlMs));
    await Promise.all([...lifetimes].map((ttlMs) => this.#renewLeasesOf(ttlMs, started)));
  }

  async #renewLeasesOf(lifetime: number, started: number): Promise<void> {
    const { scripts, logger } = this.#options;
    const held = [...this.#leases].filter(([, { ttlMs }]) => ttlMs === lifetime);
    const rows = held.map(([, { id, url }]) => [id, url]);
    const lost = await this.#run(scripts.leases, { ttlMs: lifetime, list: 'leases', rows });
    for (const [number, { id, aliveUntil }] of held) {
      aliveUntil.value = lost.has(id) ? 0 : started + lifetime;
      if (lost.has(id)) this.#leases.delete(number);
    }
    if (lost.size > 0) logger.warn({ leases: [...lost] }, 'slots were lost');
  }

  /** Returns the ids that the script could not renew. */
  async #run(
    script: ScriptBundle,
    { ttlMs, list, rows }: { ttlMs: number; list: string; rows: readonly string[][] },
  ): Promise<ReadonlySet<string>> {
    if (rows.length === 0) return new Set();
    const { redis, base } = this.#options;
    const args = { ttl_ms: ttlMs, [list]: rows.flat() };
    return new Set((await runBundle({ redis, base }, script, args)) as string[]);
  }
}
