import { Heredocs, namesOfHeredocs } from './heredocs.js';
import { takeFlags } from './words.js';

/** An instruction of a Dockerfile with its lines joined. */
export interface Instruction {
  /** The keyword in upper case. */
  readonly keyword: string;
  /** The leading words that begin with `--`, without quotes and escapes. */
  readonly flags: readonly string[];
  /** The text after the flags. */
  readonly rest: string;
}

export interface PlacedInstruction extends Instruction {
  /** The numbers of the first and last line, from 0. Lines of here-documents follow the last one. */
  readonly first: number;
  readonly last: number;
}

/** Differences between the grammars of engines. */
export interface Grammar {
  /** True if the engine reads here-documents. If not, their lines are instructions. */
  readonly heredocs: boolean;
  /** True if a line that ends in two escape characters continues on the next line. */
  readonly joinsEscaped: boolean;
}

export const buildkitGrammar: Grammar = { heredocs: true, joinsEscaped: false };

export interface ParsedDockerfile {
  readonly instructions: readonly PlacedInstruction[];
  /** The character that continues lines and escapes the next character: a backslash or a backtick. */
  readonly escapeChar: string;
}

/** White space as Go's unicode.IsSpace defines it. */
export const space =
  '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leadingSpace = new RegExp(`^${space}+`);
const instruction = new RegExp(`^(\\S+)(?:${space}+([\\s\\S]*))?$`);
const ignored = new RegExp(`^${space}*(?:#|$)`);

/** Returns the lines of a Dockerfile without their line ends. */
export function linesOf(dockerfile: string): string[] {
  return dockerfile
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, lengthWithout(line, '\r')) : line));
}

/** Returns true if a parser skips the line, between instructions and within one that spans lines. */
export const isIgnored = (line: string) => ignored.test(line);

/** Returns the instructions of a Dockerfile, in order. Never throws: it reads as much of an invalid one as it can. */
export function parseDockerfile(dockerfile: string, grammar: Grammar): ParsedDockerfile {
  const lines = linesOf(dockerfile);
  const escapeChar = escapeOf(lines);
  const documents = grammar.heredocs ? new Heredocs(lines) : undefined;
  const instructions: PlacedInstruction[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (isIgnored(lines[at] ?? '')) continue;
    const first = at;
    const pieces: string[] = [];
    for (;;) {
      const line = lines[at] ?? '';
      const length = continuedLength(line, { escapeChar, joinsEscaped: grammar.joinsEscaped });
      pieces.push(length === undefined ? line : line.slice(0, length));
      if (length === undefined) break;
      do at++;
      while (at < lines.length && isIgnored(lines[at] ?? ''));
      if (at >= lines.length) break;
    }
    const text = pieces.join('');
    const parsed = parseInstruction(text, escapeChar);
    if (parsed.keyword === '') continue;
    instructions.push({ ...parsed, first, last: Math.min(at, lines.length - 1) });
    if (documents && mayHoldHeredocs(parsed, escapeChar)) at = documents.after(namesOfHeredocs(text), at);
  }
  return { instructions, escapeChar };
}

/** Returns one instruction from its joined lines. */
export function parseInstruction(text: string, escapeChar: string): Instruction {
  const [, keyword = '', after = ''] = instruction.exec(text.replace(leadingSpace, '')) ?? [];
  return { keyword: keyword.toUpperCase(), ...takeFlags(after, escapeChar) };
}

/** Returns the length of a line that continues on the next one, without its escape character. */
function continuedLength(line: string, { escapeChar, joinsEscaped }: ContinuationRules): number | undefined {
  const length = lengthWithout(line, ' \t') - 1;
  if (line[length] !== escapeChar) return undefined;
  return joinsEscaped || line[length - 1] !== escapeChar ? length : undefined;
}

interface ContinuationRules {
  readonly escapeChar: string;
  readonly joinsEscaped: boolean;
}

/** Returns the length of a line without these characters at its end. A regular expression would scan each run of them. */
function lengthWithout(line: string, characters: string): number {
  let length = line.length;
  while (length > 0 && characters.includes(line[length - 1] ?? '')) length--;
  return length;
}

/** Returns the escape character that a directive in the first lines sets. Any other comment ends the directives. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const [, key, value = ''] =
      /^#\s*(syntax|check|escape)\s*=\s*(.+?)\s*$/i.exec(line.slice(0, 200).replace(leadingSpace, '')) ?? [];
    if (key === undefined) break;
    if (key.toLowerCase() === 'escape') return value === '`' ? '`' : '\\';
  }
  return '\\';
}

function mayHoldHeredocs({ keyword, rest }: Instruction, escapeChar: string): boolean {
  if (!rest.includes('<<')) return false;
  if (keyword === 'ONBUILD') {
    const trigger = parseInstruction(rest, escapeChar);
    return trigger.keyword !== 'ONBUILD' && mayHoldHeredocs(trigger, escapeChar);
  }
  return /^(?:RUN|COPY|ADD)$/.test(keyword) && !isJsonForm(rest);
}

function isJsonForm(rest: string): boolean {
  if (!rest.startsWith('[')) return false;
  try {
    return Array.isArray(JSON.parse(rest));
  } catch {
    return false;
  }
}
