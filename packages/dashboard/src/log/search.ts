import type { LogModel } from './log-model.js';

export interface Match {
  readonly line: number;
  /** Offset in the text that is shown. */
  readonly start: number;
  readonly end: number;
}

/** Limit of matches. No reader steps through more. */
export const maxMatches = 10_000;

/** Returns the positions of a text in one line, ignoring case. */
export function matchesIn(text: string, needle: string): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  if (needle === '') return found;
  const [hay, sought] = [text.toLowerCase(), needle.toLowerCase()];
  // The length of a few letters changes with their case, which would shift the match.
  const exact = hay.length !== text.length;
  const [inside, what] = exact ? [text, needle] : [hay, sought];
  for (let at = inside.indexOf(what); at !== -1; at = inside.indexOf(what, at + what.length)) {
    found.push({ start: at, end: at + what.length });
  }
  return found;
}

/** Finds a text in a log. With more lines, the search resumes where it stopped. */
export class Search {
  readonly needle: string;
  readonly #model: LogModel;
  readonly #found: Match[] = [];
  #next = 0;
  #sorted = 0;

  constructor({ model, needle }: { model: LogModel; needle: string }) {
    this.#model = model;
    this.needle = needle;
  }

  /** True when the log has more matches than the limit. */
  get full(): boolean {
    return this.#found.length >= maxMatches;
  }

  /** Returns the matches in display order: by step. Searches the lines added since the last call. */
  matches(): readonly Match[] {
    const model = this.#model;
    for (; this.#next < model.length && !this.full; this.#next++) {
      const line = this.#next;
      if (model.kind(line) === 'end') continue;
      for (const { start, end } of matchesIn(model.text(line), this.needle)) {
        if (this.full) break;
        this.#found.push({ line, start, end });
      }
    }
    if (this.#sorted !== this.#found.length) {
      const step = ({ line }: Match) => model.stepOf(line)?.index ?? 0;
      this.#found.sort(
        (one, other) => step(one) - step(other) || one.line - other.line || one.start - other.start,
      );
      this.#sorted = this.#found.length;
    }
    return this.#found;
  }
}
