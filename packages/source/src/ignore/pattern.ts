import type { Alternative, StepCounter } from './expression.js';
import { checkMatchSyntax } from './match-syntax.js';
import { parseExpression } from './parse-expression.js';

/** How a pattern is compared. Moby compares most patterns without an expression, and not always to the same effect. */
type Comparison =
  | { readonly kind: 'exact' | 'prefix'; readonly text: string }
  | { readonly kind: 'suffix'; readonly text: string }
  | { readonly kind: 'expression'; readonly alternatives: readonly Alternative[]; readonly states: number };

/** One line of an ignore file, compared as github.com/moby/patternmatcher does on Linux. */
export class IgnorePattern {
  /** Without `!`. */
  readonly text: string;
  /** Whether what it matches is let in again. */
  readonly isException: boolean;
  readonly #comparison: Comparison;

  /** Throws `PatternSyntaxError`. */
  constructor({ text, isException }: { text: string; isException: boolean }) {
    checkMatchSyntax(text);
    this.text = text;
    this.isException = isException;
    this.#comparison = comparisonOf(text);
  }

  /** How much memory the pattern takes. */
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

/** Moby leaves `|`, `{` and `}` as they are, so that they have a meaning in a pattern that becomes an expression. */
const escaped = new Set('.+()$');

/**
 * Moby's expression for a pattern. Moby copies classes and escapes as they are, so that `\d` is a digit, and replaces `*` within brackets too.
 */
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
