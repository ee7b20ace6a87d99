import { PassThrough } from 'node:stream';
import type { Keys, Redis } from '../redis/index.js';
import { type LogBlobs, logBlobKey } from './blob.js';

/** Entries that the live stream of a job keeps; older ones are in the blob once the attempt has ended. */
const maxLiveLines = 10_000;
const flushAfterMs = 100;
const tailLines = 50;

interface LogWriterOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly blobs: LogBlobs;
  readonly jobId: string;
  readonly attempt: number;
  /** Bytes kept of one attempt's log; of what comes after only the last lines are. */
  readonly maxBytes?: number;
}

/**
 * Writes one attempt's log twice: into the job's live stream, in small batches, and whole into a blob.
 * A line's id is `<attempt>-<n>`, the same in both, and at once the stream's own entry id, so that Redis
 * refuses lines of an attempt that was overtaken.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #maxBytes: number;
  readonly #body = new PassThrough();
  readonly #written: Promise<unknown>;
  readonly #tail: string[] = [];
  #lines = 0;
  #bytes = 0;
  #leftOut = 0;
  #live: { readonly id: string; readonly text: string }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #overtaken = false;
  #closed: Promise<void> | undefined;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
    this.#written = options.blobs.write(logBlobKey(options.jobId, options.attempt), this.#body);
    // Reported by close(); until then nobody waits for it.
    this.#written.catch(() => this.#body.resume());
  }

  /** Takes lines without waiting. A line break inside one makes two. */
  append(lines: readonly string[]): void {
    for (const text of lines.flatMap((line) => line.split(/\r?\n/))) {
      this.#lines++;
      this.#tail.push(text);
      if (this.#tail.length > tailLines) this.#tail.shift();
      this.#live.push({ id: `${this.#options.attempt}-${this.#lines}`, text });
      const bytes = Buffer.byteLength(text) + 1;
      if (this.#leftOut > 0 || this.#bytes + bytes > this.#maxBytes) this.#leftOut++;
      else {
        this.#bytes += bytes;
        this.#body.write(`${text}\n`);
      }
    }
    // While Redis is away the live lines must not pile up: the blob has them.
    if (this.#live.length > maxLiveLines) this.#live.splice(0, this.#live.length - maxLiveLines);
    this.#timer ??= setTimeout(() => this.#flushLive(), flushAfterMs);
  }

  /** The last lines, at most `count`. */
  tail(count = 20): string[] {
    return this.#tail.slice(-count);
  }

  get bytes(): number {
    return this.#bytes;
  }

  #flushLive(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#live;
    this.#live = [];
    if (batch.length === 0 || this.#overtaken) return;
    this.#flushing = this.#flushing.then(() => this.#send(batch));
  }

  async #send(batch: readonly { readonly id: string; readonly text: string }[]): Promise<void> {
    const key = this.#options.keys.log(this.#options.jobId);
    const pipeline = this.#options.redis.pipeline();
    for (const { id, text } of batch) pipeline.xadd(key, 'MAXLEN', '~', maxLiveLines, id, 't', text);
    // A job that is never finished by anyone must not keep its live log for ever.
    pipeline.expire(key, 24 * 3600);
    try {
      const replies = (await pipeline.exec()) ?? [];
      if (replies.some(([error]) => error?.message.includes('equal or smaller'))) this.#overtaken = true;
    } catch {
      // The live view loses a batch while Redis is away; the blob, which is the log, has it.
    }
  }

  /** Sends what is left and makes the blob durable. Call it before the job's transition; again is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#flushLive();
    if (this.#leftOut > 0) {
      const last = this.#tail.slice(-this.#leftOut);
      this.#body.write(`[${this.#leftOut - last.length} lines left out: the log is larger than is kept]\n`);
      for (const text of last) this.#body.write(`${text}\n`);
    }
    this.#body.end();
    await Promise.all([this.#written, this.#flushing]);
  }
}
