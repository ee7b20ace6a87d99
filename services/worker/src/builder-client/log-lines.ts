interface NumberedLinesOptions {
  /** The number of the line that is expected first, counted from 0. */
  readonly next: number;
  readonly onLog: (lines: readonly string[]) => void;
}

/** Lines that stand for those which the replica did not keep, beyond which they are one. */
const maxMissing = 100_000;

/**
 * The log of one build over several connections. Each connection begins at a line that the caller names, so that no line is missing or comes twice. Lines that a
 * replica did not keep are marked, and count.
 */
export class NumberedLines {
  readonly #onLog: NumberedLinesOptions['onLog'];
  #next: number;

  constructor({ next, onLog }: NumberedLinesOptions) {
    this.#next = next;
    this.#onLog = onLog;
  }

  /** The number of the line that comes next. */
  get next(): number {
    return this.#next;
  }

  /** Takes lines of which the first has the number `line`; the next number when the replica gives none. */
  take(lines: readonly string[], line = this.#next): void {
    const missing = line - this.#next;
    if (missing > 0) this.#onLog(missingLines(missing));
    if (missing > 0) this.#next = line;
    const fresh = missing < 0 ? lines.slice(-missing) : lines;
    this.#next += fresh.length;
    if (fresh.length > 0) this.#onLog(fresh);
  }
}

/** Returns as many lines as are missing, so that later lines keep their numbers. */
function missingLines(count: number): string[] {
  const mark = `[${count} lines are left out: the builder did not keep them]`;
  return [mark, ...Array<string>(Math.min(count, maxMissing) - 1).fill('')];
}
