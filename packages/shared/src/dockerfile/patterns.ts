/** A part of a pattern. It matches any characters, one character, or this character. */
type Part = { readonly any: 'many' | 'one' } | { readonly char: string };
export type Pattern = readonly Part[];

/**
 * Parses a pattern of `${NAME#pattern}` and similar expressions: `*`, `?`, and a backslash before one of them or itself. Undefined
 * for other escapes.
 */
export function parsePattern(text: string | undefined): Pattern | undefined {
  if (text === undefined) return undefined;
  const parts: Part[] = [];
  for (let at = 0; at < text.length; at++) {
    let char = text[at] ?? '';
    if (char === '*') parts.push({ any: 'many' });
    else if (char === '?') parts.push({ any: 'one' });
    else if (char !== '\\') parts.push({ char });
    // A backslash before the end of the pattern is not part of it.
    else if (text[at + 1] !== '}' && text[at + 1] !== '/') {
      char = text[++at] ?? '';
      if (char !== '*' && char !== '?' && char !== '\\') return undefined;
      parts.push({ char });
    }
  }
  return parts;
}

interface RemoveOptions {
  readonly pattern: Pattern;
  readonly longest: boolean;
  /** True removes the end of the value instead of its beginning. */
  readonly fromEnd: boolean;
}

/** Returns a value without the beginning or end that matches a pattern. */
export function removeMatch(value: string, { pattern, longest, fromEnd }: RemoveOptions): string {
  if (!fromEnd) return value.slice(matchEnd(value, { pattern, longest, from: 0 }) ?? 0);
  const reversed = { pattern: pattern.toReversed(), longest, from: 0 };
  const length = matchEnd([...value].reverse().join(''), reversed) ?? 0;
  return value.slice(0, value.length - length);
}

interface ReplaceOptions {
  readonly pattern: Pattern;
  readonly replacement: string;
  readonly all: boolean;
}

/** Returns a value with the first match, or all matches, of a pattern replaced. Each match is as long as possible. */
export function replaceMatches(value: string, { pattern, replacement, all }: ReplaceOptions): string {
  let text = '';
  let lastEnd: number | undefined;
  for (let at = 0; at <= value.length; ) {
    const end = matchEnd(value, { pattern, longest: true, from: at });
    // An empty match directly after another match does not count.
    const isMatch = end !== undefined && (end > at || lastEnd !== at);
    if (isMatch) {
      text += replacement;
      lastEnd = end;
      if (!all) return text + value.slice(end);
    }
    if (isMatch && end > at) at = end;
    else text += value[at++] ?? '';
  }
  return text;
}

interface MatchOptions {
  readonly pattern: Pattern;
  readonly longest: boolean;
  /** The start of the match. */
  readonly from: number;
}

/** Returns the end of a match. Takes at most length of value × parts of pattern steps, so no pattern can stall it. */
function matchEnd(value: string, { pattern, longest, from }: MatchOptions): number | undefined {
  let states = closure(new Set([0]), pattern);
  let found: number | undefined;
  for (let at = from; ; at++) {
    if (states.has(pattern.length)) {
      found = at;
      if (!longest) return found;
    }
    const char = value[at];
    if (char === undefined || states.size === 0) return found;
    const next = new Set<number>();
    for (const state of states) {
      const part = pattern[state];
      if (part === undefined) continue;
      if ('any' in part) next.add(part.any === 'many' ? state : state + 1);
      else if (part.char === char) next.add(state + 1);
    }
    states = closure(next, pattern);
  }
}

/** Adds the states after each `*`, which may match nothing. */
function closure(states: Set<number>, pattern: Pattern): Set<number> {
  for (const state of states) {
    const part = pattern[state];
    if (part && 'any' in part && part.any === 'many') states.add(state + 1);
  }
  return states;
}
