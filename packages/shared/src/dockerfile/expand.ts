import { parsePattern, removeMatch, replaceMatches } from './patterns.js';

/** Values of variables by name. Undefined is a value that is unknown here. */
export type Variables = ReadonlyMap<string, string | undefined>;

/** A longer word names no image. */
const maxWord = 4_096;
/** Limit for all patterns of a Dockerfile together: characters compared with parts of patterns. */
const maxPatternSteps = 1_000_000;

/**
 * Replaces the variables in words of a Dockerfile, and removes quotes and escapes, as BuildKit does for FROM and ARG: `$NAME`,
 * `${NAME}`, and in braces `-`, `:-`, `+`, `:+`, `?`, `:?`, `#`, `##`, `%`, `%%`, `/` and `//`. An unset variable is empty.
 *
 * https://docs.docker.com/reference/dockerfile/#environment-replacement
 */
export class Expander {
  readonly #escapeChar: string;
  #patternSteps = maxPatternSteps;

  constructor(escapeChar: string) {
    this.#escapeChar = escapeChar;
  }

  /** Returns undefined for a word that engines refuse, that depends on an unknown value, or that becomes too long. */
  expand(word: string, variables: Variables): string | undefined {
    if (word.length > maxWord) return undefined;
    return new WordReader({
      word,
      variables,
      escapeChar: this.#escapeChar,
      take: (steps) => {
        this.#patternSteps -= steps;
        return this.#patternSteps >= 0;
      },
    }).read();
  }
}

interface WordOptions {
  readonly word: string;
  readonly variables: Variables;
  readonly escapeChar: string;
  /** Spends steps of the pattern budget. Returns false when it is used up. */
  readonly take: (steps: number) => boolean;
}

/** Options for reading a part of a word. */
interface Part {
  /** The character after the part; empty for the end of the word. */
  readonly stop: string;
  /** True if escapes stay in the part. */
  readonly escapesStay?: boolean;
  /** True if the part is read again as a pattern. Then escape characters in quotes are doubled. */
  readonly isPattern?: boolean;
}

const variableName = /[0-9]+|[@*#?$!-]|[\p{L}_][\p{L}\p{Nd}_]*/uy;

/** Reads a word once, from start to end. */
class WordReader {
  readonly #word: string;
  readonly #variables: Variables;
  readonly #escapeChar: string;
  readonly #take: WordOptions['take'];
  #at = 0;

  constructor({ word, variables, escapeChar, take }: WordOptions) {
    this.#word = word;
    this.#variables = variables;
    this.#escapeChar = escapeChar;
    this.#take = take;
  }

  read(): string | undefined {
    return this.#part({ stop: '' });
  }

  #part(part: Part): string | undefined {
    let text = '';
    for (;;) {
      const char = this.#word[this.#at];
      if (char === undefined) return part.stop === '' ? text : undefined;
      if (char === part.stop) {
        this.#at++;
        return text;
      }
      const piece = this.#piece(char, part);
      if (piece === undefined || text.length + piece.length > maxWord) return undefined;
      text += piece;
    }
  }

  #piece(char: string, part: Part): string | undefined {
    if (char === '$') return this.#variable();
    if (char === "'") return this.#singleQuotes(part);
    if (char === '"') return this.#doubleQuotes(part);
    this.#at++;
    if (char !== this.#escapeChar) return char;
    const escaped = this.#word[this.#at++] ?? '';
    return part.escapesStay ? char + escaped : escaped;
  }

  #singleQuotes({ isPattern }: Part): string | undefined {
    const end = this.#word.indexOf("'", this.#at + 1);
    if (end === -1) return undefined;
    const text = this.#word.slice(this.#at + 1, end);
    this.#at = end + 1;
    return isPattern ? text.replaceAll(this.#escapeChar, this.#escapeChar.repeat(2)) : text;
  }

  #doubleQuotes({ escapesStay }: Part): string | undefined {
    let text = '';
    for (this.#at++; ; ) {
      const char = this.#word[this.#at];
      if (char === undefined || text.length > maxWord) return undefined;
      if (char === '$') {
        const value = this.#variable();
        if (value === undefined) return undefined;
        text += value;
        continue;
      }
      this.#at++;
      if (char === '"') return text;
      const next = this.#word[this.#at] ?? '';
      if (char !== this.#escapeChar) text += char;
      else if (next === '"' || next === '$' || next === this.#escapeChar) {
        this.#at++;
        text += escapesStay ? char + next : next;
      } else text += escapesStay ? char + char : char;
    }
  }

  /** Returns the value of an expression that begins with a dollar sign. */
  #variable(): string | undefined {
    this.#at++;
    if (this.#word[this.#at] !== '{') {
      const name = this.#name();
      return name === '' ? '$' : this.#value(name);
    }
    this.#at++;
    if (/^[{}:]?$/.test(this.#word[this.#at] ?? '')) return undefined;
    const name = this.#name();
    const operator = this.#word[this.#at++];
    switch (operator) {
      case '}':
        return this.#value(name);
      case ':':
        return this.#choice(name, this.#word[this.#at++], true);
      case '#':
      case '%':
        return this.#removed(name, operator);
      case '/':
        return this.#replaced(name);
      default:
        return this.#choice(name, operator, false);
    }
  }

  #name(): string {
    variableName.lastIndex = this.#at;
    const [name = ''] = variableName.exec(this.#word) ?? [];
    this.#at += name.length;
    return name;
  }

  #value(name: string): string | undefined {
    return this.#variables.has(name) ? this.#variables.get(name) : '';
  }

  /** Returns the result of `-`, `+` or `?`. */
  #choice(name: string, operator: string | undefined, emptyIsUnset: boolean): string | undefined {
    if (operator !== '-' && operator !== '+' && operator !== '?') return undefined;
    const operand = this.#part({ stop: '}' });
    const value = this.#value(name);
    if (operand === undefined || value === undefined) return undefined;
    const isSet = this.#variables.has(name) && !(emptyIsUnset && value === '');
    if (operator === '+') return isSet ? operand : '';
    if (isSet) return value;
    return operator === '-' ? operand : undefined;
  }

  #removed(name: string, operator: '#' | '%'): string | undefined {
    const operand = this.#part({ stop: '}', escapesStay: true, isPattern: true });
    const value = this.#value(name);
    const longest = operand?.startsWith(operator) === true;
    const pattern = parsePattern(operand?.slice(longest ? 1 : 0));
    if (pattern === undefined || value === undefined || !this.#take(value.length * pattern.length))
      return undefined;
    return removeMatch(value, { pattern, longest, fromEnd: operator === '%' });
  }

  #replaced(name: string): string | undefined {
    const all = this.#word[this.#at] === '/';
    if (all) this.#at++;
    const pattern = parsePattern(this.#part({ stop: '/', escapesStay: true, isPattern: true }));
    const replacement = this.#part({ stop: '}', escapesStay: true });
    const value = this.#value(name);
    if (pattern === undefined || replacement === undefined || value === undefined) return undefined;
    if (!this.#take(value.length ** 2 * pattern.length)) return undefined;
    return replaceMatches(value, { pattern, replacement, all });
  }
}
