import type { BlobStore } from '@slipway/shared/blobs';
import type { Fields } from '@slipway/shared/config';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import { listSources, removeSources, type SourceOwners, type SourceUses } from '@slipway/source';
import type { LeaderTask } from './leader.js';
import { referencesInRecords } from './source-references.js';

export interface SourceCollectionConfig {
  /** Milliseconds that a source without references stays after its last use. */
  readonly sourceGraceMs: number;
}

export function sourceCollectionConfig(fields: Fields): SourceCollectionConfig {
  return {
    sourceGraceMs: fields.int('SOURCE_GRACE_MS', {
      doc: 'How long a source stays after its last use when no job, function or template refers to it; at least a minute',
      default: 24 * 3600 * 1_000,
      min: 60_000,
    }),
  };
}

interface SourceCollectionOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly blobs: Pick<BlobStore, 'list' | 'removeAll'>;
  readonly uses: SourceUses;
  readonly owners: Pick<SourceOwners, 'forget'>;
  /** A source that nothing refers to stays for so long after its last use. */
  readonly graceMs: number;
  readonly logger: Logger;
  /** From the end of one round to the beginning of the next. */
  readonly restMs?: number;
}

const hourMs = 3600_000;
const discoverEveryMs = 24 * hourMs;
/** Looked for in one round; what is left has its turn in the next. */
const mostIdle = 5_000;
const removedAtOnce = 100;
/** Sources of one batch of removals, which takes two requests to the store. */
const removedTogether = 50;
/**
 * A condemned source is removed at once or not at all. A process that was frozen in between leaves it to the leader that looks
 * a minute later, because an upload may be writing it again by then.
 */
const removeWithinMs = 10_000;
const abandonedMs = 60_000;

/**
 * Removes sources that no job, function or template refers to. It marks and sweeps while all other processes go on:
 *
 * 1. It selects candidates: the sources that have not been used for the grace time, as of a moment. Every use is noted before a record
 *    refers to the source: an upload, a request that finds it, and the step that writes a job's record.
 * 2. It reads all records. A candidate that a record refers to counts as used now. A source used meanwhile is no longer a candidate.
 * 3. It condemns the others, one atomic step each: only a source that has not been used since that moment, and is not being written.
 *    From then on no record can refer to it, and its blobs are removed.
 *
 * A call collects a small part, so a worker that stops hands over soon. Two concurrent collectors do no harm, nor does a collector that stops midway.
 */
export class SourceCollection implements LeaderTask {
  readonly name = 'collect sources';
  readonly usesStore = true;
  readonly everyMs = 500;
  readonly #options: SourceCollectionOptions;
  readonly #restMs: number;
  #round: AsyncGenerator<void> | undefined;
  #nextAt = Number.NEGATIVE_INFINITY;
  #discoverAt = Number.NEGATIVE_INFINITY;

  constructor(options: SourceCollectionOptions) {
    this.#options = options;
    this.#restMs = options.restMs ?? Math.min(hourMs, options.graceMs / 24);
  }

  async run(): Promise<void> {
    if (!this.#round && performance.now() < this.#nextAt) return;
    this.#round ??= this.#collect();
    // A generator that has thrown is done: the next call begins a new round.
    const round = this.#round;
    this.#round = undefined;
    const { done } = await round.next();
    if (done) this.#nextAt = performance.now() + this.#restMs;
    else this.#round = round;
  }

  async *#collect(): AsyncGenerator<void> {
    const { redis, keys, uses, graceMs, logger } = this.#options;
    yield* this.#finishAbandoned();
    yield* this.#discover();
    const { since, digests } = await uses.idle(graceMs, mostIdle);
    const unused = new Set(digests);
    const complete = yield* referencesInRecords({
      redis,
      keys,
      wanted: unused,
      async onFound(found) {
        for (const digest of found) unused.delete(digest);
        await uses.keep(found);
      },
    });
    if (!complete) return;
    let removed = 0;
    const left = [...unused];
    while (left.length > 0) {
      removed += await this.#remove(await uses.condemn(since, left.splice(0, removedAtOnce)));
      yield;
    }
    if (removed > 0) logger.info({ removed, looked_at: digests.length }, 'removed unused sources');
  }

  /** Removes sources that a dead process condemned. */
  async *#finishAbandoned(): AsyncGenerator<void> {
    for (;;) {
      const abandoned = await this.#options.uses.abandoned(abandonedMs, removedAtOnce);
      await this.#remove(abandoned);
      if (abandoned.length < removedAtOnce) return;
      yield;
    }
  }

  /** Sources whose writer died before it noted them, or that are older than notes are taken: they count as used now. */
  async *#discover(): AsyncGenerator<void> {
    const { blobs, uses } = this.#options;
    if (performance.now() < this.#discoverAt) return;
    for await (const digests of listSources({ blobs })) {
      await uses.discover(digests);
      yield;
    }
    this.#discoverAt = performance.now() + discoverEveryMs;
  }

  async #remove(condemned: readonly string[]): Promise<number> {
    const { blobs, uses, owners } = this.#options;
    const until = performance.now() + removeWithinMs;
    // Another process takes over what was condemned a minute ago: no request may begin later than that.
    const signal = AbortSignal.timeout(abandonedMs / 2);
    const gone: string[] = [];
    for (let at = 0; at < condemned.length && performance.now() < until; at += removedTogether) {
      const digests = condemned.slice(at, at + removedTogether);
      await removeSources({ blobs, digests, signal });
      gone.push(...digests);
    }
    await owners.forget(gone);
    await uses.gone(gone);
    return gone.length;
  }
}
