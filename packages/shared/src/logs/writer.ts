import { defineScript, type Keys, type Redis } from '../redis/index.js';
import { type LogBlobs, logBlobKey } from './blob.js';

/** Entries that the live stream of a job keeps; older ones are in the blob once the attempt has ended. */
const maxLiveLines = 10_000;
const linesAtOnce = 1_000;
const flushAfterMs = 100;
const tailLines = 50;
const chunkBytes = 64 * 1024;
/** What a power cut may cost is the log of the last seconds; waiting for the disk would cost every job. */
const notSynced = { durable: false };

/** A job that is never finished by anyone must not keep its live log for ever. */
const liveForSeconds = 24 * 3600;

/**
 * Adds lines to a live log. KEYS: 1 stream. ARGV: 1 how many it keeps, 2 seconds for which it is kept, then id and text of each
 * line. Returns 1 when a later attempt writes there, whose ids are higher, and 0 otherwise.
 */
const addLines = defineScript(`
for i = 3, #ARGV, 2 do
  local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[i], 't', ARGV[i + 1])
  if type(added) == 'table' then
    if string.find(added.err, 'equal or smaller', 1, true) then return 1 end
    return added
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 0
`);

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
  #live: { readonly id: string; readonly text: string }[] = [];
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
      this.#live.push({ id: `${this.#options.attempt}-${this.#lines}`, text });
      const bytes = Buffer.byteLength(text) + 1;
      if (this.#leftOut > 0 || this.#bytes + bytes > this.#maxBytes) this.#leftOut++;
      else {
        this.#bytes += bytes;
        this.#keep(`${text}\n`);
      }
    }
    // While Redis is away the live lines must not pile up: the blob has them.
    if (this.#live.length > maxLiveLines) this.#live.splice(0, this.#live.length - maxLiveLines);
    this.#timer ??= setTimeout(() => this.#flushLive(), flushAfterMs);
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

  async #send(batch: readonly { readonly id: string; readonly text: string }[]): Promise<void> {
    const { redis, keys, jobId } = this.#options;
    try {
      for (let at = 0; at < batch.length && !this.#overtaken; at += linesAtOnce) {
        const lines = batch.slice(at, at + linesAtOnce).flatMap(({ id, text }) => [id, text]);
        const reply = await addLines.run(redis, [keys.log(jobId)], [maxLiveLines, liveForSeconds, ...lines]);
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
