import { PatternSyntaxError } from './char-class.js';

/**
 * Throws for patterns that moby's reader refuses: the errors of Go's `filepath.Match(pattern, ".")`. Go stops at the first part
 * that does not match ".", and leaves later errors to the expression of the pattern.
 */
export function checkMatchSyntax(pattern: string): void {
  let rest = [...pattern];
  let name = '.';
  while (rest.length > 0) {
    const { isAfterStar, chunk, after } = splitChunk(rest);
    if (isAfterStar && chunk.length === 0) return;
    rest = after;
    let left = matchChunk(chunk, name);
    if (left === undefined || (left !== '' && rest.length === 0)) {
      left = isAfterStar && name !== '' ? matchChunk(chunk, '') : undefined;
      if (left === undefined) return;
    }
    name = left;
  }
}

interface Chunk {
  readonly isAfterStar: boolean;
  readonly chunk: readonly string[];
  readonly after: string[];
}

/** Splits at the first `*` that is not in brackets. */
function splitChunk(pattern: readonly string[]): Chunk {
  const start = pattern.findIndex((char) => char !== '*');
  if (start === -1) return { isAfterStar: true, chunk: [], after: [] };
  let isInBrackets = false;
  let end = start;
  for (; end < pattern.length; end++) {
    const char = pattern[end];
    if (char === '*' && !isInBrackets) break;
    if (char === '\\') end++;
    else if (char === '[') isInBrackets = true;
    else if (char === ']') isInBrackets = false;
  }
  return { isAfterStar: start > 0, chunk: pattern.slice(start, end), after: pattern.slice(end) };
}

/** Returns the rest of a name of at most one character after a chunk, or undefined when the chunk does not match. Validates the whole chunk. */
function matchChunk(chunk: readonly string[], name: string): string | undefined {
  let left: string | undefined = name;
  for (let at = 0; at < chunk.length; at++) {
    let isMatch: boolean = left !== undefined && left !== '';
    if (chunk[at] === '[') {
      const found = readBrackets(chunk, at + 1);
      at = found.last;
      isMatch &&= found.holdsDot;
    } else if (chunk[at] !== '?') {
      if (chunk[at] === '\\') at++;
      if (at === chunk.length) throw new PatternSyntaxError('ends in a backslash');
      isMatch &&= chunk[at] === left;
    }
    left = isMatch ? '' : undefined;
  }
  return left;
}

function readBrackets(chunk: readonly string[], start: number): { last: number; holdsDot: boolean } {
  let at = start;
  const readChar = (): string => {
    if (chunk[at] === '-' || chunk[at] === ']') {
      throw new PatternSyntaxError('has an incomplete class in brackets');
    }
    if (chunk[at] === '\\') at++;
    const char = chunk[at++] ?? '';
    if (at >= chunk.length) throw new PatternSyntaxError('has a [ that no ] closes');
    return char;
  };
  const isNegated = chunk[at] === '^';
  if (isNegated) at++;
  let holdsDot = false;
  for (let isFirst = true; isFirst || chunk[at] !== ']'; isFirst = false) {
    const low = readChar();
    let high = low;
    if (chunk[at] === '-') {
      at++;
      high = readChar();
    }
    holdsDot ||= low <= '.' && '.' <= high;
  }
  return { last: at, holdsDot: holdsDot !== isNegated };
}
