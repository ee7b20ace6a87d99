/** One instruction of a Dockerfile, its lines joined. */
export interface Instruction {
  /** In upper case. */
  readonly keyword: string;
  /** The words in front that begin with `--`, without quotes and escapes. */
  readonly flags: readonly string[];
  /** What follows the flags. */
  readonly rest: string;
}

interface ParseOptions {
  /** Whether the engine reads here-documents. If not, their lines are instructions. */
  readonly heredocs: boolean;
}

/** White space as Go's unicode.IsSpace defines it. */
export const space =
  '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leadingSpace = new RegExp(`^${space}+`);
const instruction = new RegExp(`^(\\S+)(?:${space}+([\\s\\S]*))?$`);
const ignored = new RegExp(`^${space}*(?:#|$)`);

/** Returns the lines of a Dockerfile as buildah's parser splits them. */
export function linesOf(dockerfile: string): string[] {
  return dockerfile
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, ''));
}

/** Whether a parser skips the line between instructions and inside of one that spans lines. */
export const isIgnored = (line: string) => ignored.test(line);

/** Returns the instructions of a Dockerfile, in order, by the rules of buildah's parser. */
export function parseInstructions(dockerfile: string, { heredocs }: ParseOptions): Instruction[] {
  const lines = linesOf(dockerfile);
  const escapeCharacter = escapeOf(lines);
  const continued = escapeCharacter === '`' ? /`[ \t]*$/ : /\\[ \t]*$/;
  const documents = heredocs ? new Heredocs(lines) : undefined;
  const found: Instruction[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (isIgnored(line)) continue;
    const pieces = [line];
    while (continued.test(pieces.at(-1) ?? '') && at + 1 < lines.length) {
      pieces.push(pieces.pop()?.replace(continued, '') ?? '');
      do at++;
      while (at + 1 < lines.length && isIgnored(lines[at] ?? ''));
      pieces.push(lines[at] ?? '');
    }
    const parsed = parseInstruction(pieces.join('').replace(continued, ''));
    found.push(parsed);
    if (documents) at = documents.after(parsed, at);
  }
  return found;
}

/** Returns one instruction from its joined lines. */
export function parseInstruction(text: string): Instruction {
  const [, keyword = '', after = ''] = instruction.exec(text.replace(leadingSpace, '')) ?? [];
  return { keyword: keyword.toUpperCase(), ...takeFlags(after) };
}

/** The character that continues lines: a backslash unless a directive in the first lines names the backtick. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const [, key, value] =
      /^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*$/.exec(line.slice(0, 200)) ?? [];
    if (key === undefined) break;
    if (key.toLowerCase() === 'escape') return value ?? '\\';
  }
  return '\\';
}

const isSpace = new RegExp(`^${space}$`);

/** Splits flags off the front, as the parsers of Docker and buildah do: quotes and backslashes lose their meaning. */
function takeFlags(text: string): Pick<Instruction, 'flags' | 'rest'> {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (isSpace.test(text[at] ?? '')) at++;
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) };
    const word: string[] = [];
    let quote = '';
    for (; at < text.length; at++) {
      const char = text[at] ?? '';
      if (quote === '' && isSpace.test(char)) break;
      if (char === quote) quote = '';
      else if (quote === '' && (char === '"' || char === "'")) quote = char;
      else if (char === '\\' && quote !== "'" && at + 1 < text.length) word.push(text[++at] ?? '');
      else word.push(char);
    }
    if (word.join('') === '--') return { flags, rest: text.slice(at) };
    flags.push(word.join(''));
  }
}

/** Finds where here-documents end, in time that does not grow with their number. */
class Heredocs {
  readonly #lines: readonly string[];
  /** The numbers of equal lines, those still to come at the end of each list. */
  #exact: Map<string, number[]> | undefined;
  #stripped: Map<string, number[]> | undefined;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** Returns the last line of the here-documents that an instruction begins, whose own last line is `at`. They follow one another. */
  after({ keyword, rest }: Instruction, at: number): number {
    if (!/^(?:RUN|COPY|ADD)$/.test(keyword)) return at;
    let last = at;
    for (const [, dash, quoted, bare] of rest.matchAll(
      /(?<!<)<<(-?)(?:["']([^"'\s]+)["']|([A-Za-z0-9_.]+))/g,
    )) {
      const found = this.#next(quoted ?? bare ?? '', last, dash === '-');
      // Without its end the rest of the file would be hidden: then it is read as instructions.
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
