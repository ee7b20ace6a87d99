import { shellWords, withoutQuotes } from './words.js';

export interface HeredocName {
  readonly name: string;
  /** True if the last line may have leading tabs (`<<-`). */
  readonly withoutTabs: boolean;
}

/** Returns the here-documents that start in an instruction, in order: words such as `<<EOF`, `3<<-"EOF"` and `<< EOF`. */
export function namesOfHeredocs(text: string): HeredocName[] {
  return shellWords(text).flatMap((word) => {
    const [, dash, quoted = ''] = /^\d*<<(-?)\s*([^<]*)$/.exec(word) ?? [];
    const name = dash === undefined || quoted === '' ? undefined : withoutQuotes(quoted);
    return name === undefined || name === '' ? [] : [{ name, withoutTabs: dash === '-' }];
  });
}

/** Finds the ends of here-documents, in time that does not grow with their number. */
export class Heredocs {
  readonly #lines: readonly string[];
  /** The numbers of equal lines. Those still ahead are at the end of each list. */
  #exact: Map<string, number[]> | undefined;
  #stripped: Map<string, number[]> | undefined;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** Returns the last line of the here-documents of an instruction, whose own last line is `at`. They follow one another. */
  after(names: readonly HeredocName[], at: number): number {
    let last = at;
    for (const { name, withoutTabs } of names) {
      const found = this.#next(name, last, withoutTabs);
      // An unterminated here-document would hide the rest of the file, so its lines are read as instructions.
      if (found === undefined) return last;
      last = found;
    }
    return last;
  }

  #next(end: string, after: number, withoutTabs: boolean): number | undefined {
    const numbers = this.#numbers(withoutTabs).get(end) ?? [];
    while ((numbers.at(-1) ?? Infinity) <= after) numbers.pop();
    return numbers.at(-1);
  }

  #numbers(withoutTabs: boolean): Map<string, number[]> {
    if (withoutTabs) {
      this.#stripped ??= numbersOf(this.#lines.map((line) => line.replace(/^\t+/, '')));
      return this.#stripped;
    }
    this.#exact ??= numbersOf(this.#lines);
    return this.#exact;
  }
}

function numbersOf(lines: readonly string[]): Map<string, number[]> {
  const numbers = new Map<string, number[]>();
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = lines[at] ?? '';
    const same = numbers.get(line);
    if (same) same.push(at);
    else numbers.set(line, [at]);
  }
  return numbers;
}
