import { LRUCache } from 'lru-cache';
import { SlipwayError } from '../errors/index.js';

interface UnverifiedPayloadsOptions {
  /** What payloads may hold together until their signatures are known to be right or wrong. At least three times `maxPayloadBytes`. */
  readonly totalBytes: number;
  readonly maxPayloadBytes: number;
  readonly now: () => number;
}

export interface Arrival {
  /** Aborted when the payload is not to be received any more: the client has gone, or others wait and it is too slow (`body_too_slow`). */
  readonly signal: AbortSignal;
  /** Resolves when the payload may have so many bytes in all. Rejects with the reason of the signal. */
  grow(bytes: number): Promise<void>;
  /** Gives everything back. A wrong signature counts against the network. */
  end(signature?: 'right' | 'wrong'): void;
}

interface ArrivalOptions {
  /** See `clientNetwork`. */
  readonly network: string;
  readonly signal: AbortSignal;
}

interface Holder {
  readonly network: string;
  readonly begunMs: number;
  /** Time in which it waited for room. */
  waitedMs: number;
  bytes: number;
  waiting: { readonly bytes: number; readonly sinceMs: number; readonly go: () => void } | undefined;
  readonly stop: (why: Error) => void;
}

/** Room is given in steps of so many bytes; the first one is small, as most payloads are. */
const firstStepBytes = 64 * 1024;
const stepBytes = 1024 * 1024;
/** Wrong signatures of a network in a minute; a large payload counts as several. */
const wrongPerMinute = 30;
const wrongBytesPerCount = 16 * 1024 * 1024;
const minuteMs = 60_000;
/** The pace of a payload for which others wait, and the time before it is measured. */
const busyBytesPerSecond = 256 * 1024;
const busyGraceMs = 10_000;
const lookEveryMs = 1_000;

/**
 * Bounds the bytes of payloads that are on the disk before their signatures are checked. Payloads that find no room wait and are not read meanwhile, so
 * that TCP holds their clients back.
 *
 * The room has three parts. Most of it is common; one network has half of that at most. One part, as large as the largest payload, is for the oldest payload
 * alone: that one can always arrive whole, so that payloads which all have arrived by half do not wait for each other for ever. Another part of
 * that size is for networks that have sent too many wrong signatures: their payloads arrive one at a time, and never take what is for others.
 */
export class UnverifiedPayloads {
  readonly #options: UnverifiedPayloadsOptions;
  /** In the order in which they came. */
  readonly #holders = new Set<Holder>();
  readonly #wrong = new LRUCache<string, { count: number }>({ max: 10_000, ttl: minuteMs });
  #looking: NodeJS.Timeout | undefined;

  constructor(options: UnverifiedPayloadsOptions) {
    this.#options = options;
  }

  /** Seconds until a network is no longer one of too many wrong signatures; 0 for others. */
  retryAfter(network: string): number {
    if (!this.#isSuspect(network)) return 0;
    return Math.max(1, Math.ceil(this.#wrong.getRemainingTTL(network) / 1_000));
  }

  begin({ network, signal }: ArrivalOptions): Arrival {
    const stopping = new AbortController();
    const ended = AbortSignal.any([signal, stopping.signal]);
    const holder: Holder = {
      network,
      begunMs: this.#options.now(),
      waitedMs: 0,
      bytes: 0,
      waiting: undefined,
      stop: (why) => stopping.abort(why),
    };
    this.#holders.add(holder);
    return {
      signal: ended,
      grow: async (bytes) => {
        ended.throwIfAborted();
        if (bytes <= holder.bytes) return;
        const step = bytes <= firstStepBytes ? firstStepBytes : stepBytes;
        const wanted = Math.ceil(bytes / step) * step;
        await this.#wait(holder, Math.min(wanted, Math.max(bytes, this.#options.maxPayloadBytes)), ended);
      },
      end: (signature) => {
        if (signature === 'wrong') this.#countWrong(holder);
        this.#holders.delete(holder);
        this.#serve();
      },
    };
  }

  async #wait(holder: Holder, bytes: number, ended: AbortSignal): Promise<void> {
    const sinceMs = this.#options.now();
    const leave = new AbortController();
    try {
      await new Promise<void>((resolve, reject) => {
        holder.waiting = { bytes, sinceMs, go: resolve };
        ended.addEventListener('abort', () => reject(ended.reason), { once: true, signal: leave.signal });
        this.#serve();
      });
    } finally {
      leave.abort();
      holder.waitedMs += this.#options.now() - sinceMs;
      holder.waiting = undefined;
    }
  }

  /** Lets those grow for which there is room, the oldest first. */
  #serve(): void {
    const { totalBytes, maxPayloadBytes } = this.#options;
    const { firsts, common, suspects, byNetwork } = this.#held();
    // Bytes that came before their network was found out.
    let taken = common + Math.max(0, suspects - maxPayloadBytes);
    const most = totalBytes - 2 * maxPayloadBytes;
    let blocked = false;
    for (const holder of this.#holders) {
      const { waiting, network } = holder;
      if (!waiting) continue;
      const more = waiting.bytes - holder.bytes;
      if (!firsts.has(holder)) {
        const own = byNetwork.get(network) ?? 0;
        if (this.#isSuspect(network) || taken + more > most || own + more > most / 2) {
          blocked = true;
          continue;
        }
        taken += more;
        byNetwork.set(network, own + more);
      }
      holder.bytes = waiting.bytes;
      holder.waiting = undefined;
      waiting.go();
    }
    if (blocked) this.#looking ??= setInterval(() => this.#look(), lookEveryMs).unref();
    else this.#stopLooking();
  }

  /** Who has a part of its own, and what all others hold. */
  #held() {
    const firsts = new Set<Holder>();
    const byNetwork = new Map<string, number>();
    const seen = { regular: false, suspect: false };
    let common = 0;
    let suspects = 0;
    for (const holder of this.#holders) {
      const kind = this.#isSuspect(holder.network) ? 'suspect' : 'regular';
      if (!seen[kind]) firsts.add(holder);
      else if (kind === 'regular') {
        common += holder.bytes;
        byNetwork.set(holder.network, (byNetwork.get(holder.network) ?? 0) + holder.bytes);
      }
      if (kind === 'suspect') suspects += holder.bytes;
      seen[kind] = true;
    }
    return { firsts, common, suspects, byNetwork };
  }

  /** Ends what comes so slowly that others wait for it. */
  #look(): void {
    for (const suspect of [false, true]) {
      const all = [...this.#holders].filter(({ network }) => this.#isSuspect(network) === suspect);
      if (!all.some(({ waiting }) => waiting)) continue;
      for (const holder of all) {
        if (holder.waiting) continue;
        const ms = this.#options.now() - holder.begunMs - holder.waitedMs;
        if (ms < busyGraceMs || holder.bytes >= (busyBytesPerSecond * ms) / 1_000) continue;
        holder.stop(new SlipwayError('body_too_slow', 'Others wait for the room that this body holds.'));
      }
    }
  }

  #stopLooking(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  #isSuspect(network: string): boolean {
    return (this.#wrong.get(network)?.count ?? 0) >= wrongPerMinute;
  }

  #countWrong({ network, bytes }: Holder): void {
    const count = Math.max(1, Math.ceil(bytes / wrongBytesPerCount));
    const counted = this.#wrong.get(network);
    if (counted) counted.count += count;
    else this.#wrong.set(network, { count });
  }
}
