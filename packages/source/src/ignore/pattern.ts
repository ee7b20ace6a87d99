import type { Alternative, StepCounter } from './expression.js';
import { checkMatchSyntax } from './match-syntax.js';
import { parseExpression } from './parse-expression.js';

/** The method to compare a pattern. Moby compares most patterns without an expression, and with slightly different results. */
type Comparison =
  | { readonly kind: 'exact' | 'prefix'; readonly text: string }
  | { readonly kind: 'suffix'; readonly text: string }
  | { readonly kind: 'expression'; readonly alternatives: readonly Alternative[]; readonly states: number };

/** A line of an ignore file, compared as github.com/moby/patternmatcher does on Linux. */
export class IgnorePattern {
  /** The pattern without `!`. */
  readonly text: string;
  /** True if the pattern includes its matches again. */
  readonly isException: boolean;
  readonly #comparison: Comparison;

  /** Throws `PatternSyntaxError`. */
  constructor({ text, isException }: { text: string; isException: boolean }) {
    checkMatchSyntax(text);
    this.text = text;
    this.isException = isException;
    this.#comparison = comparisonOf(text);
  }

  /** Returns the states of the pattern, a measure of its memory. */
  get states(): number {
    return this.#comparison.kind === 'expression' ? this.#comparison.states : 1;
  }

  matches(path: string, counter: StepCounter): boolean {
    const comparison = this.#comparison;
    switch (comparison.kind) {
      case 'expression':
        return comparison.alternatives.some((alternative) => alternative.matches(path, counter));
      case 'exact':
        counter.add(1);
        return path === comparison.text;
      case 'prefix':
        counter.add(1);
        return path.startsWith(comparison.text);
      case 'suffix':
        counter.add(1);
        return path.endsWith(comparison.text) || `/${path}` === comparison.text;
    }
  }
}

/** Moby does not escape `|`, `{` and `}`, so they keep their meaning in a pattern that becomes an expression. */
const escaped = new Set('.+()$');

/** Returns the comparison for a pattern. Moby copies classes and escapes unchanged, so `\d` is a digit, and it replaces `*` within brackets, too. */
function comparisonOf(pattern: string): Comparison {
  // Go's scanner skips a byte order mark.
  const chars = [...pattern.replace(/^\ufeff/, '')];
  let expression = '^';
  let kind: Comparison['kind'] = 'exact';
  for (let at = 0, token = 0; at < chars.length; token++) {
    const char = chars[at++] ?? '';
    if (char === '*' && chars[at] === '*') {
      at++;
      if (chars[at] === '/') at++;
      if (at < chars.length) {
        expression += '(.*/)?';
        kind = 'expression';
      } else if (kind === 'exact') kind = 'prefix';
      else {
        expression += '.*';
        kind = 'expression';
      }
      if (token === 0) kind = 'suffix';
      continue;
    }
    if (char === '*') expression += '[^/]*';
    else if (char === '?') expression += '[^/]';
    else if (char === '\\') expression += `\\${chars[at++] ?? ''}`;
    else expression += escaped.has(char) ? `\\${char}` : char;
    if ('*?\\[]'.includes(char)) kind = 'expression';
  }
  switch (kind) {
    case 'exact':
      return { kind, text: pattern };
    case 'prefix':
      return { kind, text: pattern.slice(0, -2) };
    case 'suffix':
      return { kind, text: pattern.slice(2) };
    case 'expression':
      return { kind, ...parseExpression(`${expression}$`) };
  }
}
