import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import { cutText } from '../text/index.js';
import type { LogBlobs } from './blob.js';
import { LogBlob } from './log-blob.js';
import { nothingStored, type StoredLog, tailLines } from './stored.js';

/** Limits of the live stream of a job in lines and bytes. Stored parts have older lines. */
const maxLiveLines = 10_000;
const maxLiveBytes = 1024 * 1024;
/** Bytes of an entry besides its text. */
const liveEntryBytes = 64;
/** The live stream keeps the beginning of a longer line; the blob has the whole line. */
const maxLiveLineBytes = 16 * 1024;
/** Limit of a log that the record of its job keeps, in bytes. */
const maxSmallBytes = 1024;
const linesAtOnce = 1_000;
const flushAfterMs = 100;
/** The live log of a job that no worker finishes expires after this time. */
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
  /** Limit of one attempt's log in bytes. Of the lines beyond it, only the last ones are kept. */
  readonly maxBytes?: number;
  /** Milliseconds that the end of the log may take. Default: 10,000. */
  readonly endWithinMs?: number;
  /** The part of the log that the blob store has, when another worker began the log. `append` receives the line after it first. Default: nothing. */
  readonly stored?: StoredLog | undefined;
  /** Returns false when another worker continues the attempt. Default: no other worker can. */
  readonly isCurrent?: (() => Promise<boolean>) | undefined;
}

/**
 * Writes one attempt's log twice: in small batches into the live stream of the job, and in parts into blobs (`LogBlob`). Both use the
 * id `<attempt>-<n>` for a line. It is also the id of the stream entry, so that Redis refuses lines of an earlier attempt.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #maxBytes: number;
  readonly #blob: LogBlob;
  readonly #tail: string[];
  #lines: number;
  #bytes: number;
  #leftOut = 0;
  #live: { readonly line: number; readonly text: string }[] = [];
  /** Bytes of each line in the live stream, beginning with the line `#firstLive`. */
  readonly #liveSizes: number[] = [];
  #liveBytes = 0;
  #firstLive: number;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #overtaken = false;
  #closed: Promise<void> | undefined;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
    const { stored = nothingStored } = options;
    this.#blob = new LogBlob({ ...options, parts: stored.parts });
    this.#lines = stored.lines;
    this.#bytes = stored.bytes;
    this.#tail = [...stored.tail];
    this.#firstLive = stored.lines + 1;
  }

  /** Adds lines without waiting. A line break inside a line splits it. */
  append(lines: readonly string[]): void {
    for (const text of lines.flatMap((line) => line.split(/\r?\n/))) {
      this.#lines++;
      this.#tail.push(text);
      if (this.#tail.length > tailLines) this.#tail.shift();
      this.#show(text);
      const bytes = Buffer.byteLength(text) + 1;
      if (this.#leftOut > 0 || this.#blob.isFull || this.#bytes + bytes > this.#maxBytes) this.#leftOut++;
      else {
        this.#bytes += bytes;
        this.#blob.append(`${text}\n`);
      }
    }
    // While Redis is unreachable, live lines must not pile up: the blobs have them.
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

  /** Returns the last lines, up to `count`. */
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
      // The live stream loses a batch while Redis is unreachable. The blobs have it.
    }
  }

  /**
   * Returns the whole log if it is small enough for the record of the job, which then shows the log as soon as the attempt has ended. Call
   * it after the last line. `close` stores such a log nevertheless.
   */
  async small(): Promise<string | undefined> {
    const text = this.#leftOut === 0 ? this.#blob.whole(maxSmallBytes) : undefined;
    if (text === undefined) return undefined;
    clearTimeout(this.#timer);
    await this.#flushing;
    return text;
  }

  /**
   * Sends the remaining lines and stores the end of the log. Call it before the transition of the job. A second call does nothing.
   * Rejects with the code of the fault if the store does not take the end in time; the live stream has it then.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Shows the remaining lines, and stores no end of the log: another worker continues it. */
  async release(): Promise<undefined> {
    this.#flushLive();
    await Promise.all([this.#blob.release(), this.#flushing]);
  }

  async #close(): Promise<void> {
    this.#flushLive();
    if (this.#leftOut > 0) {
      const reason = this.#blob.isFull
        ? 'the blob store did not take them'
        : 'the log exceeds its size limit';
      const last = this.#tail.slice(-this.#leftOut);
      this.#blob.append(`[${this.#leftOut - last.length} lines left out: ${reason}]\n`);
      for (const text of last) this.#blob.append(`${text}\n`);
    }
    await Promise.all([this.#blob.end(), this.#flushing]);
  }
}
