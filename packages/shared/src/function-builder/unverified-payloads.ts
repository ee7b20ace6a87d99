import { LRUCache } from 'lru-cache';
import { SlipwayError } from '../errors/index.js';

interface UnverifiedPayloadsOptions {
  /** The maximum of bytes of all payloads until their signatures are verified. At least three times `maxPayloadBytes`. */
  readonly totalBytes: number;
  readonly maxPayloadBytes: number;
  readonly now: () => number;
}

export interface Arrival {
  /** Aborted when the payload must stop: the client has gone, or others wait and the payload is too slow (`body_too_slow`). */
  readonly signal: AbortSignal;
  /** Resolves when the payload may have this many bytes in total. Rejects with the reason of the signal. */
  grow(bytes: number): Promise<void>;
  /** Releases all its room. A wrong signature counts against the network. */
  end(signature?: 'right' | 'wrong'): void;
}

interface ArrivalOptions {
  /** The client's network; see `clientNetwork`. */
  readonly network: string;
  readonly signal: AbortSignal;
}

interface Holder {
  readonly network: string;
  bytes: number;
  /** The start of the current pace measurement. */
  mark: { readonly ms: number; readonly bytes: number };
  waiting: { readonly bytes: number; readonly go: () => void; isBlocked: boolean } | undefined;
  readonly stop: (why: Error) => void;
}

/** Steps in which a payload gets room, in bytes. The first step is small, because most payloads are. */
const firstStepBytes = 64 * 1024;
const stepBytes = 1024 * 1024;
/** Wrong signatures of a network per minute; a large payload counts as several. */
const wrongPerMinute = 30;
const wrongBytesPerCount = 16 * 1024 * 1024;
const minuteMs = 60_000;
/** The minimum pace of a payload that others wait for, and the time before it is measured. */
const busyBytesPerSecond = 256 * 1024;
const busyGraceMs = 10_000;
/** The same for payloads of penalized networks. */
const penalizedGraceMs = 3_000;
const lookEveryMs = 1_000;

/**
 * Limits the bytes of payloads on the disk before their signatures are verified. Payloads without room wait. The server does not
 * read them meanwhile, so TCP holds their clients back.
 *
 * The room has three parts. Most of it is common, and one network gets at most half of it. A second part, as large as the largest
 * payload, is reserved for the oldest payload. That payload can always arrive completely, so half-received payloads never
 * deadlock. A third part of the same size is for penalized networks, which sent too many wrong signatures. Their payloads arrive one at a
 * time, and never use the room of others.
 */
export class UnverifiedPayloads {
  readonly #options: UnverifiedPayloadsOptions;
  /** Payloads in order of arrival. */
  readonly #holders = new Set<Holder>();
  readonly #wrong = new LRUCache<string, { count: number }>({ max: 10_000, ttl: minuteMs });
  #looking: NodeJS.Timeout | undefined;

  constructor(options: UnverifiedPayloadsOptions) {
    this.#options = options;
  }

  /** Returns seconds until a network no longer counts as one with too many wrong signatures; 0 for others. */
  retryAfter(network: string): number {
    if (!this.#isPenalized(network)) return 0;
    return Math.max(1, Math.ceil(this.#wrong.getRemainingTTL(network) / 1_000));
  }

  begin({ network, signal }: ArrivalOptions): Arrival {
    const stopping = new AbortController();
    const ended = AbortSignal.any([signal, stopping.signal]);
    const holder: Holder = {
      network,
      bytes: 0,
      mark: { ms: this.#options.now(), bytes: 0 },
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
    const leave = new AbortController();
    try {
      await new Promise<void>((resolve, reject) => {
        holder.waiting = { bytes, go: resolve, isBlocked: false };
        ended.addEventListener('abort', () => reject(ended.reason), { once: true, signal: leave.signal });
        this.#serve();
      });
    } finally {
      leave.abort();
      holder.waiting = undefined;
    }
  }

  /** Grows the payloads that there is room for, the oldest first. */
  #serve(): void {
    const { totalBytes, maxPayloadBytes } = this.#options;
    const { firsts, common, penalizedBytes, byNetwork } = this.#held();
    // Bytes that arrived before their network exceeded the limit of wrong signatures.
    let taken = common + Math.max(0, penalizedBytes - maxPayloadBytes);
    const most = totalBytes - 2 * maxPayloadBytes;
    let blocked = false;
    for (const holder of this.#holders) {
      const { waiting, network } = holder;
      if (!waiting) continue;
      const more = waiting.bytes - holder.bytes;
      if (!firsts.has(holder)) {
        const own = byNetwork.get(network) ?? 0;
        if (this.#isPenalized(network) || taken + more > most || own + more > most / 2) {
          blocked = true;
          waiting.isBlocked = true;
          continue;
        }
        taken += more;
        byNetwork.set(network, own + more);
      }
      // Waiting time does not count.
      if (waiting.isBlocked) this.#setMark(holder);
      holder.bytes = waiting.bytes;
      holder.waiting = undefined;
      waiting.go();
    }
    if (!blocked) this.#stopLooking();
    else if (!this.#looking) {
      for (const holder of this.#holders) this.#setMark(holder);
      this.#looking = setInterval(() => this.#look(), lookEveryMs).unref();
    }
  }

  #setMark(holder: Holder): void {
    holder.mark = { ms: this.#options.now(), bytes: holder.bytes };
  }

  /** Returns the payload with the reserved room, and the bytes that all others hold. */
  #held() {
    const firsts = new Set<Holder>();
    const byNetwork = new Map<string, number>();
    let oldest: Holder | undefined;
    let penalized: Holder | undefined;
    let common = 0;
    let penalizedBytes = 0;
    for (const holder of this.#holders) {
      if (this.#isPenalized(holder.network)) {
        // A payload that holds bytes continues. Otherwise the newest wins, so that a valid payload does not wait for all that piled up before it.
        const mayHold = holder.bytes > 0 || holder.waiting !== undefined;
        if (mayHold && (!penalized || penalized.bytes === 0)) penalized = holder;
        penalizedBytes += holder.bytes;
      } else if (oldest) {
        common += holder.bytes;
        byNetwork.set(holder.network, (byNetwork.get(holder.network) ?? 0) + holder.bytes);
      } else oldest = holder;
    }
    for (const first of [oldest, penalized]) if (first) firsts.add(first);
    return { firsts, common, penalizedBytes, byNetwork };
  }

  /** Ends payloads that are slow while others wait for their room. */
  #look(): void {
    const now = this.#options.now();
    for (const isPenalized of [false, true]) {
      const all = [...this.#holders].filter(({ network }) => this.#isPenalized(network) === isPenalized);
      if (!all.some(({ waiting }) => waiting)) continue;
      for (const holder of all) {
        const ms = now - holder.mark.ms;
        if (holder.waiting || holder.bytes === 0 || ms < (isPenalized ? penalizedGraceMs : busyGraceMs))
          continue;
        const isSlow = holder.bytes - holder.mark.bytes < (busyBytesPerSecond * ms) / 1_000;
        if (!isSlow) this.#setMark(holder);
        else holder.stop(new SlipwayError('body_too_slow', 'Others wait for the room that this body holds.'));
      }
    }
  }

  #stopLooking(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  #isPenalized(network: string): boolean {
    return (this.#wrong.get(network)?.count ?? 0) >= wrongPerMinute;
  }

  #countWrong({ network, bytes }: Holder): void {
    const count = Math.max(1, Math.ceil(bytes / wrongBytesPerCount));
    const counted = this.#wrong.get(network);
    if (counted) counted.count += count;
    else this.#wrong.set(network, { count });
  }
}
