import { LineSplitter } from '../process/lines.js';

const keptLines = 100;

/** Keeps the last lines that a program printed, and finds its final error message among them. */
export class FailureText {
  readonly #prefix: string;
  readonly #lines: string[] = [];

  constructor({ prefix }: { prefix: string }) {
    this.#prefix = prefix;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > keptLines) this.#lines.shift();
  }

  lines(): readonly string[] {
    return this.#lines;
  }

  /** From the last line that begins with the prefix to the end, without the prefix; else the last line there is. */
  message(): string {
    const start = this.#lines.findLastIndex((line) => line.startsWith(this.#prefix));
    if (start === -1) return this.#lines.findLast((line) => line.trim() !== '') ?? 'it said nothing';
    return this.#lines.slice(start).join('\n').slice(this.#prefix.length).trim();
  }
}

/** A splitter for what people print: no line of it is longer than a client can read. */
export function textLines(onLine: (line: string) => void): LineSplitter {
  return new LineSplitter({ maxBytes: 8 * 1024, onLine });
}
