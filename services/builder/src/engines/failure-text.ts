import { LastLines, LineSplitter } from '@slipway/shared/processes';

const keptLines = 100;

/** Keeps the last lines that a program printed, and finds its final error message among them. */
export class FailureText extends LastLines {
  readonly #prefix: string;

  constructor({ prefix }: { prefix: string }) {
    super({ limit: keptLines });
    this.#prefix = prefix;
  }

  /** From the last line that begins with the prefix to the end, without the prefix; else the last line there is. */
  message(): string {
    const lines = this.lines();
    const start = lines.findLastIndex((line) => line.startsWith(this.#prefix));
    if (start === -1) return lines.findLast((line) => line.trim() !== '') ?? 'it said nothing';
    return lines.slice(start).join('\n').slice(this.#prefix.length).trim();
  }
}

/** A splitter for what people print: no line of it is longer than a client can read. */
export function textLines(onLine: (line: string) => void): LineSplitter {
  return new LineSplitter({ maxBytes: 8 * 1024, onLine });
}
