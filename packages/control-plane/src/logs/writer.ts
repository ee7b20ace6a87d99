import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import { cutText } from '../text/index.js';
import { type LogBlobs, logBlobKey } from './blob.js';

/** Entries that the live stream of a job keeps, and their bytes; older ones are in the blob once the attempt has ended. */
const maxLiveLines = 10_000;
const maxLiveBytes = 1024 * 1024;
/** What an entry takes besides its text. */
const liveEntryBytes = 64;
/** Of a longer line the live stream has the beginning; the blob has all of it. */
const maxLiveLineBytes = 16 * 1024;
const linesAtOnce = 1_000;
const flushAfterMs = 100;
const tailLines = 50;
const chunkBytes = 64 * 1024;
/** What a power cut may cost is the log of the last seconds; waiting for the disk would cost every job. */
const notSynced = { durable: false };

/** A job that is never finished by anyone must not keep its live log for ever. */
const liveForSeconds = 24 * 3600;

const appendScript = defineScript({
  folder: controlPlaneLua,
  file: 'logs/append',
  args: z.object({
    id: z.string(),
    oldest: z.string(),
    bytes: z.int(),
    kept_seconds: z.int(),
    lines: z.array(z.string()),
  }),
});

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
  /** Lines that the blob has not yet. */
  #unwritten: string[] = [];
  #unwrittenBytes = 0;
  #written: Promise<unknown> | undefined;
  #wakeBody: (() => void) | undefined;
  #ended = false;
  readonly #tail: string[] = [];
  #lines = 0;
  #bytes = 0;
  #leftOut = 0;
  #live: { readonly line: number; readonly text: string }[] = [];
  /** Bytes of each line that the live stream keeps, the first of which is `#firstLive`. */
  readonly #liveSizes: number[] = [];
  #liveBytes = 0;
  #firstLive = 1;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #overtaken = false;
  #closed: Promise<void> | undefined;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  }

  /** Takes lines without waiting. A line break inside one makes two. */
  append(lines: readonly string[]): void {
    for (const text of lines.flatMap((line) => line.split(/\r?\n/))) {
      this.#lines++;
      this.#tail.push(text);
      if (this.#tail.length > tailLines) this.#tail.shift();
      this.#show(text);
      const bytes = Buffer.byteLength(text) + 1;
      if (this.#leftOut > 0 || this.#bytes + bytes > this.#maxBytes) this.#leftOut++;
      else {
        this.#bytes += bytes;
        this.#keep(`${text}\n`);
      }
    }
    // While Redis is away the live lines must not pile up: the blob has them.
    const gone = this.#live.findIndex(({ line }) => line >= this.#firstLive);
    if (gone > 0) this.#live.splice(0, gone);
    this.#timer ??= setTimeout(() => this.#flushLive(), flushAfterMs);
  }

  #show(given: string): void {
    const text = cutText(given, maxLiveLineBytes);
    const bytes = Buffer.byteLength(text) + liveEntryBytes;
    this.#live.push({ line: this.#lines, text });
    this.#liveSizes.push(bytes);
    this.#liveBytes += bytes;
    while (this.#liveBytes > maxLiveBytes || this.#liveSizes.length > maxLiveLines) {
      this.#liveBytes -= this.#liveSizes.shift() ?? 0;
      this.#firstLive++;
    }
  }

  #keep(text: string): void {
    this.#unwritten.push(text);
    this.#unwrittenBytes += Buffer.byteLength(text);
    // The file is opened while the build goes on, and not when its end is waited for.
    this.#start();
    if (this.#unwrittenBytes >= chunkBytes) this.#wakeBody?.();
  }

  #start(): void {
    if (this.#written !== undefined) return;
    this.#written = this.#options.blobs.write(this.#key(), this.#body(), notSynced);
    // Reported by close(); until then nobody waits for it, and what cannot be written is not kept.
    this.#written.catch(async () => {
      for await (const _chunk of this.#body());
    });
  }

  async *#body(): AsyncGenerator<Buffer> {
    for (;;) {
      if (!this.#ended && this.#unwrittenBytes < chunkBytes) {
        await new Promise<void>((resolve) => {
          this.#wakeBody = resolve;
        });
      }
      if (this.#unwrittenBytes > 0) yield this.#take();
      else if (this.#ended) return;
    }
  }

  #take(): Buffer {
    const chunk = Buffer.from(this.#unwritten.join(''));
    this.#unwritten = [];
    this.#unwrittenBytes = 0;
    return chunk;
  }

  #key(): string {
    return logBlobKey(this.#options.jobId, this.#options.attempt);
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

  async #send(batch: readonly { readonly line: number; readonly text: string }[]): Promise<void> {
    const { redis, keys, jobId, attempt } = this.#options;
    try {
      for (let at = 0; at < batch.length && !this.#overtaken; at += linesAtOnce) {
        const lines = batch
          .slice(at, at + linesAtOnce)
          .flatMap(({ line, text }) => [`${attempt}-${line}`, text]);
        const oldest = `${attempt}-${this.#firstLive}`;
        const kept = { id: jobId, oldest, bytes: this.#liveBytes, kept_seconds: liveForSeconds };
        const reply = await appendScript.run({ redis, keys }, { ...kept, lines });
        this.#overtaken = reply === 1;
      }
    } catch {
      // The live view loses a batch while Redis is away; the blob, which is the log, has it.
    }
  }

  /** Sends what is left and writes the blob. Call it before the job's transition; again is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#flushLive();
    if (this.#leftOut > 0) {
      const last = this.#tail.slice(-this.#leftOut);
      this.#keep(`[${this.#leftOut - last.length} lines left out: the log is larger than is kept]\n`);
      for (const text of last) this.#keep(`${text}\n`);
    }
    this.#ended = true;
    this.#start();
    this.#wakeBody?.();
    await Promise.all([this.#written, this.#flushing]);
  }
}
