import type { BuilderConfig } from '@slipway/shared/contracts';
import type { FaultName } from '../faults/faults.js';

/** Build options under the names of the builder's configuration. */
export type RecordedOptions = Pick<
  BuilderConfig,
  'dockerfile' | 'target' | 'tags' | 'labels' | 'annotations' | 'noCache' | 'pull'
>;

export interface ImageStats {
  /** Build options of the last build. */
  options?: RecordedOptions;
  begun: number;
  succeeded: number;
}

/** The answer of `GET /stats`. Times are milliseconds since the epoch, by this process's clock. */
export interface StatsSnapshot {
  readonly limit: number;
  /** Requests in hand now, and at most ever: those that were refused for want of room counted too. */
  readonly concurrency: number;
  readonly max_concurrency: number;
  /** Builds that were taken, and how they ended. */
  readonly begun: number;
  readonly succeeded: number;
  readonly failed: number;
  /** The client went away first. */
  readonly aborted: number;
  /** 429 for want of room; those by a fault are under `faults`. */
  readonly busy: number;
  readonly draining: number;
  readonly bad_signatures: number;
  readonly bad_payloads: number;
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
  /** Milliseconds that builds really took, of all together and of the longest. */
  readonly slept_ms: number;
  readonly longest_ms: number;
  /** The same without what the fault `slow` added. */
  readonly work_ms: number;
  readonly longest_work_ms: number;
  readonly first_begun_at: number | null;
  readonly last_begun_at: number | null;
  readonly last_ended_at: number | null;
  readonly images: Readonly<Record<string, ImageStats>>;
  /** Builds begun, by build id; and ids under which more than one was begun. */
  readonly begun_by_id: Readonly<Record<string, number>>;
  readonly built_twice: number;
  /** `GET /builds/{id}` that found their build, and `DELETE /builds/{id}` that did. */
  readonly attached: number;
  readonly canceled: number;
}

type End = 'succeeded' | 'failed' | 'aborted';
type BuildCall = 'attached' | 'canceled';
type Refusal = 'busy' | 'draining' | 'bad_signatures' | 'bad_payloads';

interface Counters {
  readonly counts: Record<End | Refusal | BuildCall | 'begun', number>;
  readonly images: Map<string, ImageStats>;
  readonly begunById: Map<string, number>;
  readonly faults: Map<FaultName, number>;
  maxConcurrency: number;
  sleptMs: number;
  longestMs: number;
  workMs: number;
  longestWorkMs: number;
  firstBegunAt: number | null;
  lastBegunAt: number | null;
  lastEndedAt: number | null;
}

const emptyCounters = (concurrency: number): Counters => ({
  counts: {
    begun: 0,
    succeeded: 0,
    failed: 0,
    aborted: 0,
    busy: 0,
    draining: 0,
    bad_signatures: 0,
    bad_payloads: 0,
    attached: 0,
    canceled: 0,
  },
  images: new Map(),
  begunById: new Map(),
  faults: new Map(),
  maxConcurrency: concurrency,
  sleptMs: 0,
  longestMs: 0,
  workMs: 0,
  longestWorkMs: 0,
  firstBegunAt: null,
  lastBegunAt: null,
  lastEndedAt: null,
});

/** Counts what a replica is sent. Its limit is counted, not enforced, here. */
export class Stats {
  readonly #limit: number;
  #concurrency = 0;
  #counters = emptyCounters(0);

  constructor({ limit }: { readonly limit: number }) {
    this.#limit = limit;
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  /** Counts from nothing again; what is in hand stays so. */
  reset(): void {
    this.#counters = emptyCounters(this.#concurrency);
  }

  arrived(): void {
    this.#concurrency++;
    this.#counters.maxConcurrency = Math.max(this.#counters.maxConcurrency, this.#concurrency);
  }

  left(): void {
    this.#concurrency--;
  }

  refused(why: Refusal): void {
    this.#counters.counts[why]++;
  }

  called(call: BuildCall): void {
    this.#counters.counts[call]++;
  }

  fault(name: FaultName): void {
    this.#counters.faults.set(name, (this.#counters.faults.get(name) ?? 0) + 1);
  }

  begun(image: string, options: RecordedOptions = {}, buildId?: string): void {
    const counters = this.#counters;
    if (buildId !== undefined) counters.begunById.set(buildId, (counters.begunById.get(buildId) ?? 0) + 1);
    counters.counts.begun++;
    counters.lastBegunAt = Date.now();
    counters.firstBegunAt ??= counters.lastBegunAt;
    const counted = this.#image(image);
    counted.begun++;
    // Images that differ in number alone take no more memory for it.
    if (Object.keys(options).length > 0) counted.options = options;
  }

  /** Milliseconds that a build took, and how many times too long that was. */
  slept(ms: number, factor: number): void {
    const counters = this.#counters;
    counters.sleptMs += ms;
    counters.workMs += ms / factor;
    counters.longestMs = Math.max(counters.longestMs, ms);
    counters.longestWorkMs = Math.max(counters.longestWorkMs, ms / factor);
  }

  ended(image: string, end: End): void {
    this.#counters.counts[end]++;
    this.#counters.lastEndedAt = Date.now();
    if (end === 'succeeded') this.#image(image).succeeded++;
  }

  #image(image: string): ImageStats {
    const { images } = this.#counters;
    const known = images.get(image);
    if (known) return known;
    const added = { begun: 0, succeeded: 0 };
    images.set(image, added);
    return added;
  }

  snapshot(): StatsSnapshot {
    const counters = this.#counters;
    return {
      limit: this.#limit,
      concurrency: this.#concurrency,
      max_concurrency: counters.maxConcurrency,
      ...counters.counts,
      faults: Object.fromEntries(counters.faults),
      slept_ms: counters.sleptMs,
      longest_ms: counters.longestMs,
      work_ms: counters.workMs,
      longest_work_ms: counters.longestWorkMs,
      first_begun_at: counters.firstBegunAt,
      last_begun_at: counters.lastBegunAt,
      last_ended_at: counters.lastEndedAt,
      images: Object.fromEntries(counters.images),
      begun_by_id: Object.fromEntries(counters.begunById),
      built_twice: [...counters.begunById.values()].filter((begun) => begun > 1).length,
    };
  }
}
