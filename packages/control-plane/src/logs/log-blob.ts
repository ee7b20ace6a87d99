import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import { type LogBlobs, logBlobKey, logPartKey } from './blob.js';
import { storedWithin, storeWithinMs } from './within.js';

/** Sizes of a part. Both are below the limits of the live stream, which therefore has the lines that no part has yet. */
const partLines = 5_000;
const partBytes = 512 * 1024;
/** Lines that the store has not taken fill memory up to this limit. */
const maxUnstoredBytes = 4 * 1024 * 1024;
const retryAfterMs = 5_000;
/** Logs are not synced: a power cut may lose the last seconds of a log, but a sync would slow down every job. */
const notSynced = { durable: false };

const partScript = scriptsIn(controlPlaneLua, 'logs/')('part', { id: z.string(), parts: z.int() });

interface LogBlobOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly blobs: Pick<LogBlobs, 'write'>;
  readonly jobId: string;
  readonly attempt: number;
  /** Milliseconds that the end of the log may take. Default: 10,000. */
  readonly endWithinMs?: number;
  /** Parts that the worker before has stored. Default: 0. */
  readonly parts?: number | undefined;
  /** Returns false when another worker continues the attempt. Its blobs must not be overwritten. Default: no other worker can. */
  readonly isCurrent?: (() => Promise<boolean>) | undefined;
}

/**
 * Stores the lines of an attempt. A small log is one blob, written at its end. A large log has parts, each written as soon as it is
 * full. When the process dies, the parts and the live stream together have all lines.
 */
export class LogBlob {
  readonly #options: LogBlobOptions;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** Bytes of the part that is being written. */
  #sentBytes = 0;
  #parts: number;
  #writing: Promise<void> | undefined;
  /** True if the last part failed. The store may have it nevertheless, so the next write of that part has its lines too. */
  #isRepeated = false;
  #retryAt = 0;
  #ended = false;

  constructor(options: LogBlobOptions) {
    this.#options = options;
    this.#parts = options.parts ?? 0;
  }

  /** True while the store takes no lines and memory holds its limit. */
  get isFull(): boolean {
    return this.#waitingBytes + this.#sentBytes > maxUnstoredBytes;
  }

  /** Returns the whole log if it has at most `maxBytes` and no part of it was stored yet. */
  whole(maxBytes: number): string | undefined {
    const isWhole = this.#parts === 0 && !this.#writing && !this.#isRepeated;
    return isWhole && this.#waitingBytes <= maxBytes ? this.#waiting.join('') : undefined;
  }

  /** Adds whole lines without waiting. */
  append(text: string): void {
    this.#waiting.push(text);
    this.#waitingBytes += Buffer.byteLength(text);
    this.#storeParts();
  }

  /** Stores what is left. Rejects with a coded error if that fails or takes too long. */
  async end(): Promise<void> {
    this.#ended = true;
    await storedWithin(this.#storeEnd(), this.#options.endWithinMs ?? storeWithinMs);
  }

  /** Stores no more: another worker continues the log. Resolves when no write is in progress. */
  async release(): Promise<void> {
    this.#ended = true;
    await this.#writing;
  }

  #storeParts(): void {
    const isFull = this.#waiting.length >= partLines || this.#waitingBytes >= partBytes;
    if (!isFull || this.#writing || this.#ended || performance.now() < this.#retryAt) return;
    this.#writing = this.#storePart().then(
      () => this.#afterPart(),
      () => {
        this.#retryAt = performance.now() + retryAfterMs;
        this.#writing = undefined;
      },
    );
  }

  #afterPart(): void {
    this.#writing = undefined;
    this.#storeParts();
  }

  async #storePart(): Promise<void> {
    const { redis, keys, blobs, jobId, attempt } = this.#options;
    const part = this.#parts + 1;
    const lines = this.#take();
    this.#isRepeated = true;
    try {
      await this.#checkCurrent();
      // Retention removes only parts that the record names.
      await partScript.run({ redis, keys }, { id: jobId, parts: part });
      await blobs.write(logPartKey(jobId, attempt, part), [Buffer.from(lines.join(''))], notSynced);
    } catch (error) {
      this.#waiting = [...lines, ...this.#waiting];
      this.#waitingBytes += this.#sentBytes;
      throw error;
    } finally {
      this.#sentBytes = 0;
    }
    this.#parts = part;
    this.#isRepeated = false;
  }

  async #storeEnd(): Promise<void> {
    const { blobs, jobId, attempt } = this.#options;
    await this.#writing;
    if (this.#isRepeated) await this.#storePart();
    // An attempt without lines has no blob.
    if (this.#parts === 0 && this.#waiting.length === 0) return;
    await this.#checkCurrent();
    const lines = this.#take();
    await blobs.write(logBlobKey(jobId, attempt), [Buffer.from(lines.join(''))], notSynced);
  }

  async #checkCurrent(): Promise<void> {
    const { isCurrent, jobId } = this.#options;
    if (isCurrent && !(await isCurrent())) throw new Error(`another worker continues the log of ${jobId}`);
  }

  #take(): string[] {
    const lines = this.#waiting;
    this.#sentBytes = this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return lines;
  }
}
