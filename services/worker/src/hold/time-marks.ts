import { setTimeout as sleep } from 'node:timers/promises';
import { Hold } from '@slipway/control-plane/jobs';
import type { BlobStore } from '@slipway/shared/blobs';
import type { Fields } from '@slipway/shared/config';
import { errorRow } from '@slipway/shared/errors';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';

export interface HoldConfig {
  /** Changes of this time, in ms, that Redis may lose without a hold. */
  readonly redisLossToleranceMs: number;
}

export function holdConfig(fields: Fields): HoldConfig {
  return {
    redisLossToleranceMs: fields.int('REDIS_LOSS_TOLERANCE_MS', {
      doc: 'Redis may lose the changes of this time in a failover. When it has lost more, it was restored, and [all jobs are held](durability.md#a-restored-redis)',
      default: 60_000,
      min: 0,
    }),
  };
}

interface TimeMarksOptions extends HoldConfig {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly prefix: string;
  readonly blobs: Pick<BlobStore, 'stream' | 'write'>;
  readonly logger: Logger;
}

const leastEveryMs = 250;
/** Limit of the time between looks while jobs are held. */
const heldEveryMs = 1_000;
/** Marks in the time that Redis may lose. */
const marksPerTolerance = 4;

/**
 * Compares the mark of time in Redis with the newest one that this worker and the blob store know, and moves it on. Jobs start only
 * while Redis is not older. The leader copies the mark to the blob store.
 */
export class TimeMarks implements Component {
  readonly name = 'time marks';
  readonly #options: TimeMarksOptions;
  readonly #hold: Hold;
  readonly #key: string;
  /** The newest mark that this worker knows; undefined until the blob store was read. */
  #known: number | undefined;
  #copied = 0;
  #isHeld = false;

  constructor(options: TimeMarksOptions) {
    this.#options = options;
    this.#hold = new Hold(options);
    this.#key = `redis/time-mark-${options.prefix}`;
  }

  get everyMs(): number {
    return Math.max(leastEveryMs, this.#options.redisLossToleranceMs / marksPerTolerance);
  }

  /** Returns the oldest mark that Redis must have for a job to start. No job starts before the blob store was read. */
  leastMark(): number {
    if (this.#known === undefined) return Number.MAX_SAFE_INTEGER;
    return this.#known - this.#options.redisLossToleranceMs;
  }

  warnings(): readonly string[] {
    if (!this.#isHeld) return [];
    const { title, remedy } = errorRow('jobs_held');
    return [`jobs_held: ${title}. ${remedy}`];
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look().catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, 'the time of Redis cannot be compared with its mark');
      });
      const waitMs = this.#mayStart ? this.everyMs : Math.min(this.everyMs, heldEveryMs);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Waits while jobs are held. Returns false when the signal is aborted before they are released. */
  async allowed(signal: AbortSignal): Promise<boolean> {
    while (!this.#mayStart && !signal.aborted)
      await sleep(leastEveryMs, undefined, { signal }).catch(() => undefined);
    return this.#mayStart;
  }

  get #mayStart(): boolean {
    return !this.#isHeld && this.#known !== undefined;
  }

  /** Rejects when the mark in the blob store or Redis cannot be read. */
  async look(): Promise<void> {
    const { redisLossToleranceMs: toleranceMs, logger } = this.#options;
    this.#copied = await this.#read();
    const known = Math.max(this.#known ?? 0, this.#copied);
    const marked = await this.#hold.mark(known, toleranceMs);
    this.#known = marked?.mark ?? known;
    if (!marked) await this.#reportHold();
    else {
      if (this.#isHeld) logger.info('jobs are released');
      this.#isHeld = false;
      if (marked.before > 0 && marked.before < known)
        logger.warn(
          { lost_ms: known - marked.before },
          'Redis lost its newest changes, probably in a failover',
        );
    }
  }

  /** Copies the mark to the blob store. */
  async copy(): Promise<void> {
    const { blobs } = this.#options;
    if (this.#isHeld || this.#known === undefined || this.#known <= this.#copied) return;
    await blobs.write(this.#key, [Buffer.from(String(this.#known))]);
    this.#copied = this.#known;
  }

  async #read(): Promise<number> {
    const stream = await this.#options.blobs.stream(this.#key);
    if (!stream) return 0;
    const mark = Number(Buffer.concat(await stream.toArray()).toString('utf8'));
    return Number.isSafeInteger(mark) ? mark : 0;
  }

  async #reportHold(): Promise<void> {
    if (this.#isHeld) return;
    this.#isHeld = true;
    const state = await this.#hold.get();
    const { title, remedy } = errorRow('jobs_held');
    const times = { redis_at: state?.redisAt, known_at: state?.knownAt };
    this.#options.logger.error({ code: 'jobs_held', reason: state?.reason, ...times, remedy }, title);
  }
}
