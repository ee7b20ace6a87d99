import { maxStreamLineBytes } from '@slipway/shared/contracts';
import { cutLogLine } from '@slipway/shared/function-builder';

/** Lines of a log in JSON, separated and ended by commas. */
interface Chunk {
  /** The number of the first line. */
  readonly first: number;
  /** Where each line starts. */
  readonly starts: number[];
  readonly bytes: Buffer;
  used: number;
}

/** A part of a log for one line of a stream. */
export interface LogPart {
  /** The number of its first line. */
  readonly line: number;
  /** The number of the line after it. */
  readonly next: number;
  /** Its lines in JSON, separated by commas. */
  readonly json: Buffer;
}

const smallestChunkBytes = 1024;
const usualChunkBytes = 16 * 1024;
const bytesBesideLine = 8;

interface LogWindowOptions {
  /** Called when the log takes more memory, before the line is written. It may call `dropOldest` of any log. */
  readonly onGrow: () => void;
}

/**
 * The newest lines of a build's log, by number. Each line is encoded once for all readers. Chunks of bytes outside the heap make its
 * size exact, and a line never keeps the larger text alive that it was cut from.
 */
export class LogWindow {
  readonly #options: LogWindowOptions;
  readonly #chunks: Chunk[] = [];
  #bytes = 0;
  #count = 0;

  constructor(options: LogWindowOptions) {
    this.#options = options;
  }

  /** Number of all lines so far, dropped ones too. */
  get count(): number {
    return this.#count;
  }

  /** Bytes that it occupies. */
  get bytes(): number {
    return this.#bytes;
  }

  append(text: string): void {
    const line = `${JSON.stringify(cutLogLine(text))},`;
    const bytes = Buffer.byteLength(line);
    const chunk = this.#roomFor(bytes);
    chunk.starts.push(chunk.used);
    chunk.used += chunk.bytes.write(line, chunk.used);
    this.#bytes += bytesBesideLine;
    this.#count++;
  }

  /** Returns lines from a number on, or from the oldest line that is left after it. Undefined if there is none yet. */
  read(from: number): LogPart | undefined {
    const chunk = this.#chunks.find(({ first, starts }) => from < first + starts.length);
    if (!chunk) return undefined;
    const line = Math.max(from, chunk.first);
    const start = chunk.starts[line - chunk.first];
    return {
      line,
      next: chunk.first + chunk.starts.length,
      json: chunk.bytes.subarray(start, chunk.used - 1),
    };
  }

  /** Drops the oldest lines. Returns false if only the newest ones are left, which it keeps. */
  dropOldest(): boolean {
    if (this.#chunks.length < 2) return false;
    const [oldest] = this.#chunks.splice(0, 1);
    if (oldest) this.#bytes -= sizeOf(oldest);
    return true;
  }

  #roomFor(bytes: number): Chunk {
    const last = this.#chunks.at(-1);
    if (last && last.used + bytes <= last.bytes.length) return last;
    // A short log takes little, a long one few chunks. No chunk exceeds a line of the stream.
    const wanted = Math.min(Math.max(this.#bytes, smallestChunkBytes), usualChunkBytes);
    const size = Math.min(Math.max(wanted, bytes), maxStreamLineBytes);
    const chunk = { first: this.#count, starts: [], bytes: Buffer.allocUnsafeSlow(size), used: 0 };
    this.#chunks.push(chunk);
    this.#bytes += size;
    this.#options.onGrow();
    return chunk;
  }
}

const sizeOf = ({ bytes, starts }: Chunk) => bytes.length + starts.length * bytesBesideLine;
