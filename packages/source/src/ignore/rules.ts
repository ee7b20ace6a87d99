import { SlipwayError } from '@slipway/shared/errors';
import { shown } from '../refusals.js';
import { PatternSyntaxError } from './char-class.js';
import type { StepCounter } from './expression.js';
import { IgnorePattern } from './pattern.js';

/** Limits on the cost of a file. Docker has other limits, or none. */
export const ignoreLimits = {
  bytes: 1024 * 1024,
  patterns: 10_000,
  patternBytes: 4096,
  /** A longer line is an error in Docker. */
  commentBytes: 65_535,
  /** Maximum of states of all patterns together; `[ab]{100}` has a hundred. */
  states: 500_000,
  /** Maximum of steps to compare one path with all patterns: about 0.1 s. */
  pathSteps: 20_000_000,
  /** Maximum of steps for all paths together. */
  steps: 2_000_000_000,
} as const;

/** The characters that Go's `strings.TrimSpace` removes: U+0085 and U+FEFF differ from `String.prototype.trim`. */
const space = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leading = new RegExp(`^${space}+`);
const isSpace = new RegExp(`^${space}$`);

/** The patterns that match a folder, as input for its content. */
export type FolderMatches = Uint8Array;

interface Verdict {
  readonly ignored: boolean;
  readonly matches: FolderMatches;
}

interface RulesOptions {
  readonly patterns: readonly IgnorePattern[];
  /** The path of the ignore file in the context. */
  readonly name: string;
}

/** The rules of an ignore file, as github.com/moby/patternmatcher and github.com/tonistiigi/fsutil apply them. */
export class IgnoreRules implements StepCounter {
  /** True for a missing or empty file. */
  readonly isEmpty: boolean;
  readonly #patterns: readonly IgnorePattern[];
  readonly #name: string;
  /** Prefixes of exceptions; undefined when an exception may match anywhere. */
  readonly #exceptionPrefixes: readonly string[] | undefined;
  #pathSteps = 0;
  #steps = 0;

  constructor({ patterns, name }: RulesOptions) {
    this.isEmpty = patterns.length === 0;
    this.#patterns = patterns;
    this.#name = name;
    const exceptions = patterns.filter(({ isException }) => isException).map(({ text }) => withoutEnd(text));
    this.#exceptionPrefixes = exceptions.some((text) => /[*[\]?^\\]/.test(text))
      ? undefined
      : exceptions.map((text) => `${text}/`);
  }

  /** The patterns in their order, exceptions with their `!`. */
  get texts(): readonly string[] {
    return this.#patterns.map(({ text, isException }) => (isException ? `!${text}` : text));
  }

  /** Returns the number of comparisons so far. */
  get steps(): number {
    return this.#steps;
  }

  add(steps: number): void {
    this.#steps += steps;
    this.#pathSteps += steps;
    if (this.#pathSteps <= ignoreLimits.pathSteps && this.#steps <= ignoreLimits.steps) return;
    throw new SlipwayError(
      'ignore_file_invalid',
      `${shown(this.#name)} takes too long to compare with the files. Use fewer and shorter patterns.`,
    );
  }

  /**
   * Returns the decision for a path. `parent` is the result for its folder; undefined at the top. The path is relative to the
   * context, with `/`. Throws `ignore_file_invalid` when the comparisons exceed the limits.
   */
  decide(path: string, parent: FolderMatches | undefined): Verdict {
    this.#pathSteps = 0;
    const matches = new Uint8Array(this.#patterns.length);
    let ignored = false;
    for (const [at, pattern] of this.#patterns.entries()) {
      if (parent?.[at] !== 1) {
        if (pattern.isException !== ignored) continue;
        if (!pattern.matches(path, this)) continue;
      }
      matches[at] = 1;
      ignored = !pattern.isException;
    }
    return { ignored, matches };
  }

  /** Returns true if an exception may include something below an ignored folder. */
  mayLetIn(folder: string): boolean {
    return this.#exceptionPrefixes?.some((prefix) => prefix.startsWith(`${folder}/`)) ?? true;
  }
}

const withoutEnd = (text: string): string => text.replace(/\/\*\*$/, '').replace(/\/\*$/, '');

interface IgnoreFile {
  readonly content: Uint8Array;
  /** The path of the file in the context. */
  readonly name: string;
}

/** Returns the rules of an ignore file. Throws `ignore_file_invalid` with the line and the pattern. */
export function parseIgnoreFile({ content, name }: IgnoreFile): IgnoreRules {
  const refuse = (what: string) => new SlipwayError('ignore_file_invalid', `${shown(name)} ${what}.`);
  if (content.byteLength > ignoreLimits.bytes) throw refuse(`is larger than ${ignoreLimits.bytes} bytes`);
  const patterns: IgnorePattern[] = [];
  let states = 0;
  const lines = new TextDecoder('utf-8').decode(content).split('\n');
  for (const [index, line] of lines.entries()) {
    const refuseLine = (what: string) =>
      refuse(`line ${index + 1}: the pattern ${shown(trimSpace(line))} ${what}`);
    const isComment = line.startsWith('#');
    const text = isComment ? '' : patternOf(line);
    const limit = isComment ? ignoreLimits.commentBytes : ignoreLimits.patternBytes;
    if (Buffer.byteLength(isComment ? line : text) > limit) throw refuseLine(`is longer than ${limit} bytes`);
    if (text === '') continue;
    if (patterns.length === ignoreLimits.patterns) {
      throw refuse(`holds more than ${ignoreLimits.patterns} patterns`);
    }
    const isException = text.startsWith('!');
    if (text === '!') throw refuseLine('excepts nothing: a path must follow the !');
    try {
      const pattern = new IgnorePattern({ text: isException ? text.slice(1) : text, isException });
      patterns.push(pattern);
      states += pattern.states;
    } catch (error) {
      if (error instanceof PatternSyntaxError) throw refuseLine(error.message);
      throw error;
    }
    if (states > ignoreLimits.states) throw refuse('holds patterns that repeat too much');
  }
  return new IgnoreRules({ patterns, name });
}

interface PatternList {
  readonly patterns: readonly string[];
  /** The name of the list in errors. */
  readonly name: string;
}

/** Returns the rules of patterns that were read already, as moby's matcher takes them. Throws an Error for a pattern that cannot be read. */
export function rulesOf({ patterns, name }: PatternList): IgnoreRules {
  const read = patterns
    .map(trimSpace)
    .filter((text) => text !== '')
    .map(cleanPath);
  return new IgnoreRules({
    name,
    patterns: read.map((text) => {
      const isException = text.startsWith('!');
      return new IgnorePattern({ text: isException ? text.slice(1) : text, isException });
    }),
  });
}

/** Returns the pattern of a line, with `!`, as moby's reader and matcher derive it. */
function patternOf(line: string): string {
  let text = trimSpace(line);
  if (text === '') return '';
  const isException = text.startsWith('!');
  if (isException) text = trimSpace(text.slice(1));
  if (text !== '') text = cleanPath(text).replace(/^\/(?=.)/s, '');
  const read = trimSpace(isException ? `!${text}` : text);
  return read === '' ? '' : cleanPath(read);
}

/** Returns the text without white space around it, as Go's `strings.TrimSpace` does. */
function trimSpace(text: string): string {
  let end = text.length;
  // A loop from the end: a regular expression would restart at each run of spaces.
  while (end > 0 && isSpace.test(text[end - 1] ?? '')) end--;
  return text.slice(0, end).replace(leading, '');
}

/** Returns the shortest equivalent path, as Go's `filepath.Clean` does on Linux. */
function cleanPath(path: string): string {
  const isRooted = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!isRooted) parts.push('..');
  }
  const joined = parts.join('/');
  if (isRooted) return `/${joined}`;
  return joined === '' ? '.' : joined;
}
