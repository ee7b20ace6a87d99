import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { type Lease, SlotLedger } from '@slipway/control-plane/replicas';
import type { RedisConfig } from '@slipway/shared/config';
import { type Component, untilAborted } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { defineScript, redisKeys } from '@slipway/shared/redis';
import { plainAccess } from '@slipway/shared/redis/connection';
import { z } from 'zod';
import { workerLua } from '../lua.js';
import type { Change, Lock, SharedLease } from './rounds.js';
import { monotonicMs, SharedNumber } from './shared-number.js';
import type { ThreadData } from './thread.js';

interface RenewalOptions {
  readonly config: RedisConfig & { readonly lockDurationMs: number };
  readonly logger: Pick<Logger, 'level'>;
}

/** A lease that is renewed until its release. */
export interface LeaseHold {
  /** Milliseconds until the lease runs out if nothing renews it; at most 0 for a lost one. */
  readonly msLeft: number;
  release(): void;
}

/** Milliseconds between signs of life of the event loop. */
const beatMs = 500;
/** Share of a lock's life after which the thread receives what is new. Builds that end sooner cost it nothing. */
const handOverShare = 1 / 150;
/** The thread keeps one entry for each lock and lease, and makes little garbage. */
const memory = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 };
/** The compiled file, also when this one runs from its source: threads of Node.js 20 load no TypeScript. */
const threadFile = new URL('../../dist/renewal/thread.js', import.meta.url);

const locksScript = defineScript({
  folder: workerLua,
  file: 'dispatch/extend-locks',
  args: z.object({ ttl_ms: z.number(), locks: z.array(z.string()) }),
});

/**
 * Renews the locks and slot leases of this worker in a thread with a connection of its own. A busy event loop does not delay it. The thread stops when the
 * event loop gives no sign of life for eight lock durations, so that other workers take the jobs over.
 */
export class Renewal implements Component {
  readonly name = 'renewal';
  readonly #options: RenewalOptions;
  readonly #channel = new MessageChannel();
  readonly #state = {
    beatAt: new SharedNumber(),
    renewedAt: new SharedNumber(),
    lateRounds: new SharedNumber(),
  };
  readonly #started: Promise<void>;
  #start: () => void = () => undefined;
  #numbers = 0;
  /** Changes that the thread has not received yet, by number. */
  readonly #fresh = new Map<number, () => Change>();
  #handingOver: NodeJS.Timeout | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#started = new Promise((resolve) => {
      this.#start = resolve;
    });
    this.#state.renewedAt.value = monotonicMs();
  }

  /** Seconds since everything that the worker holds was renewed. */
  get ageSeconds(): number {
    return Math.max(0, monotonicMs() - this.#state.renewedAt.value) / 1_000;
  }

  /** Rounds that began when more than two thirds of a lock's life had passed since the last one. */
  get lateRounds(): number {
    return this.#state.lateRounds.value;
  }

  /** Resolves when the thread runs, or when the signal is aborted. A lock that is taken before may run out while the thread starts. */
  async started(signal: AbortSignal): Promise<void> {
    await untilAborted(this.#started, signal).catch(() => undefined);
  }

  /** Renews the lock of a job until the returned function is called. */
  holdLock(lock: Lock): () => void {
    const number = ++this.#numbers;
    this.#hold(number, () => ({ kind: 'lock', number, lock }));
    return () => this.#release(number);
  }

  /** Renews a lease that was requested at this time of `performance.now()`. It lives as long as a lock, unless `ttlMs` says otherwise. */
  holdLease(
    { id, url }: Pick<Lease, 'id' | 'url'>,
    requestedAt: number,
    ttlMs = this.#options.config.lockDurationMs,
  ): LeaseHold {
    const number = ++this.#numbers;
    const ageMs = performance.now() - requestedAt;
    const aliveUntil = monotonicMs() - ageMs + ttlMs;
    let shared: SharedNumber | undefined;
    this.#hold(number, () => {
      shared = new SharedNumber();
      shared.value = aliveUntil;
      const lease: SharedLease = { id, url, ttlMs, aliveUntil: shared.buffer };
      return { kind: 'lease', number, lease };
    });
    return {
      get msLeft() {
        return (shared?.value ?? aliveUntil) - monotonicMs();
      },
      release: () => this.#release(number),
    };
  }

  /** Rejects when the thread fails. */
  async run(signal: AbortSignal): Promise<void> {
    const { port1: changes } = this.#channel;
    this.#beat();
    const thread = new Worker(threadFile, {
      workerData: this.#data(),
      transferList: [changes],
      resourceLimits: memory,
      execArgv: [],
    });
    thread.once('message', () => this.#start());
    const beating = setInterval(() => this.#beat(), beatMs);
    const failed = new Promise<void>((_resolve, reject) => {
      thread.once('error', reject);
      thread.once('exit', () => reject(new Error('the thread that renews locks ended')));
    });
    try {
      await Promise.race([failed, signal.aborted ? undefined : once(signal, 'abort')]);
    } finally {
      clearInterval(beating);
      await thread.terminate();
    }
  }

  #data(): ThreadData {
    const { config, logger } = this.#options;
    const { redisUrl: url, redisAccess, redisPrefix: prefix, lockDurationMs } = config;
    const { beatAt, renewedAt, lateRounds } = this.#state;
    return {
      redis: { url, prefix, access: redisAccess && plainAccess(redisAccess) },
      base: redisKeys(prefix).base,
      scripts: { locks: locksScript.bundle(), leases: SlotLedger.renewal.bundle() },
      lockDurationMs,
      logLevel: logger.level,
      state: { beatAt: beatAt.buffer, renewedAt: renewedAt.buffer, lateRounds: lateRounds.buffer },
      changes: this.#channel.port1,
    };
  }

  #beat(): void {
    this.#state.beatAt.value = monotonicMs();
  }

  #hold(number: number, change: () => Change): void {
    this.#fresh.set(number, change);
    this.#handOverSoon();
  }

  #release(number: number): void {
    if (this.#fresh.delete(number)) return;
    this.#fresh.set(number, () => ({ kind: 'release', number }));
    this.#handOverSoon();
  }

  /** A message wakes the thread, so what changes within some time is one message. */
  #handOverSoon(): void {
    this.#handingOver ??= setTimeout(() => {
      this.#handingOver = undefined;
      const changes = [...this.#fresh.values()].map((change) => change());
      this.#fresh.clear();
      if (changes.length > 0) this.#channel.port2.postMessage(changes);
    }, this.#options.config.lockDurationMs * handOverShare);
  }
}
