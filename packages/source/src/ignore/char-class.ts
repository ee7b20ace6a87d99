/** A syntax error in a pattern. The message completes "pattern X: …". */
export class PatternSyntaxError extends Error {
  override readonly name = 'PatternSyntaxError';
}

type Range = readonly [low: number, high: number];

const codeOf = (char: string): number => char.codePointAt(0) ?? 0;
const range = (text: string): Range => [codeOf(text), codeOf(text.slice(-1))];

const highest = 0x10ffff;
const digit = [range('09')];
const word = [range('09'), range('AZ'), range('__'), range('az')];
/** Perl classes, limited to ASCII as in Go. */
const perlClasses: Readonly<Record<string, readonly Range[]>> = {
  d: digit,
  s: [range('\t\n'), range('\f\r'), range('  ')],
  w: word,
};
const posixClasses: Readonly<Record<string, readonly Range[]>> = {
  alnum: [range('09'), range('AZ'), range('az')],
  alpha: [range('AZ'), range('az')],
  ascii: [[0, 0x7f]],
  blank: [range('\t\t'), range('  ')],
  cntrl: [[0, 0x1f], range('\x7f\x7f')],
  digit,
  graph: [range('!~')],
  lower: [range('az')],
  print: [range(' ~')],
  punct: [range('!/'), range(':@'), range('[`'), range('{~')],
  space: [range('\t\r'), range('  ')],
  upper: [range('AZ')],
  word,
  xdigit: [range('09'), range('AF'), range('af')],
};
const controls: Readonly<Record<string, string>> = {
  a: '\x07',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

export const isWordChar = (code: number): boolean => word.some(([low, high]) => code >= low && code <= high);

/** A set of characters. `has` takes logarithmic time. */
export class CharClass {
  readonly #ranges: Range[] = [];
  readonly #categories = new Map<string, RegExp>();
  #isSorted = true;
  isNegated = false;

  add(...ranges: readonly Range[]): this {
    this.#ranges.push(...ranges);
    this.#isSorted = false;
    return this;
  }

  addAllBut(ranges: readonly Range[]): this {
    let next = 0;
    for (const [low, high] of ranges) {
      if (low > next) this.add([next, low - 1]);
      next = high + 1;
    }
    return this.add([next, highest]);
  }

  addCategory(expression: string): void {
    this.#categories.set(expression, new RegExp(expression, 'u'));
  }

  has(code: number): boolean {
    return this.#holds(code) !== this.isNegated;
  }

  #holds(code: number): boolean {
    if (!this.#isSorted) this.#sort();
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.[1] ?? 0) < code) low = middle + 1;
      else high = middle;
    }
    if ((this.#ranges[low]?.[0] ?? highest + 1) <= code) return true;
    if (this.#categories.size === 0) return false;
    const char = String.fromCodePoint(code);
    return [...this.#categories.values()].some((category) => category.test(char));
  }

  /** Sorts the ranges, and joins overlapping ones. */
  #sort(): void {
    const sorted = this.#ranges.toSorted(([a], [b]) => a - b);
    this.#ranges.length = 0;
    for (const [low, high] of sorted) {
      const [lastLow, lastHigh] = this.#ranges.at(-1) ?? [0, -2];
      if (low <= lastHigh + 1 && this.#ranges.length > 0) {
        this.#ranges[this.#ranges.length - 1] = [lastLow, Math.max(lastHigh, high)];
      } else this.#ranges.push([low, high]);
    }
    this.#isSorted = true;
  }
}

/** Reads the characters of an expression one by one. */
export class ExpressionReader {
  readonly chars: readonly string[];
  /** The position of the last `:]`. Without it, searching for the end of `[:` would take quadratic time. */
  readonly lastClassEnd: number;
  at = 0;

  constructor(expression: string) {
    this.chars = [...expression];
    this.lastClassEnd = this.chars.findLastIndex((char, at) => char === ':' && this.chars[at + 1] === ']');
  }

  peek(ahead = 0): string | undefined {
    return this.chars[this.at + ahead];
  }

  next(): string {
    const char = this.chars[this.at++];
    if (char === undefined) throw new PatternSyntaxError('ends within a class or an escape');
    return char;
  }

  skip(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.at += text.length;
    return true;
  }

  startsWith(text: string): boolean {
    return this.chars.slice(this.at, this.at + text.length).join('') === text;
  }
}

/** Reads a class after its `[`, in the syntax of Go's regular expressions (https://pkg.go.dev/regexp/syntax). */
export function readClass(reader: ExpressionReader): CharClass {
  const found = new CharClass();
  found.isNegated = reader.skip('^');
  for (let first = true; first || reader.peek() !== ']'; first = false) {
    if (readPosixClass(reader, found) || readNamedClass(reader, found)) continue;
    const low = readClassChar(reader);
    let high = low;
    if (reader.peek() === '-' && reader.peek(1) !== undefined && reader.peek(1) !== ']') {
      reader.next();
      high = readClassChar(reader);
    }
    if (high < low) throw new PatternSyntaxError('has a range in brackets whose end comes before its start');
    found.add([low, high]);
  }
  reader.next();
  return found;
}

function readPosixClass(reader: ExpressionReader, into: CharClass): boolean {
  if (!reader.startsWith('[:')) return false;
  if (reader.lastClassEnd < reader.at + 2) return false;
  let end = reader.at + 2;
  while (reader.chars[end] !== ':' || reader.chars[end + 1] !== ']') end++;
  const name = reader.chars.slice(reader.at + 2, end).join('');
  const plain = name.replace(/^\^/, '');
  const ranges = Object.hasOwn(posixClasses, plain) ? posixClasses[plain] : undefined;
  if (!ranges) throw new PatternSyntaxError(`has an unknown class [:${name.slice(0, 20)}:]`);
  if (name.startsWith('^')) into.addAllBut(ranges);
  else into.add(...ranges);
  reader.at = end + 2;
  return true;
}

/** Reads `\d`, `\pL` and similar classes. Returns false, and reads nothing, at anything else. */
export function readNamedClass(reader: ExpressionReader, into: CharClass): boolean {
  const name = reader.peek(1);
  if (reader.peek() !== '\\' || name === undefined) return false;
  const lower = name.toLowerCase();
  const isNegated = name !== lower;
  if (lower === 'p') {
    reader.at += 2;
    const [category, isExcepted] = readCategory(reader);
    into.addCategory(`\\${isNegated !== isExcepted ? 'P' : 'p'}{${category}}`);
    return true;
  }
  const ranges = Object.hasOwn(perlClasses, lower) ? perlClasses[lower] : undefined;
  if (!ranges) return false;
  reader.at += 2;
  if (isNegated) into.addAllBut(ranges);
  else into.add(...ranges);
  return true;
}

/** Reads `L`, `{Lu}`, `{^Greek}` and similar names. Returns the name in JavaScript, and true if it is negated with `^`. */
function readCategory(reader: ExpressionReader): [name: string, isExcepted: boolean] {
  let written = reader.next();
  if (written === '{') written = readUntilBrace(reader);
  const name = written.replace(/^\^/, '').replace(/[-_ ]/g, '');
  const canonical = name.slice(0, 1).toUpperCase() + name.slice(1).toLowerCase();
  const known = [`General_Category=${canonical}`, `Script=${canonical}`, canonical].find(isCategory);
  if (known === undefined) throw new PatternSyntaxError(`has an unknown class \\p{${written.slice(0, 20)}}`);
  return [known, written.startsWith('^')];
}

function readUntilBrace(reader: ExpressionReader): string {
  let text = '';
  for (let char = reader.next(); char !== '}'; char = reader.next()) text += char;
  return text;
}

function isCategory(name: string): boolean {
  if (!/^\w+(=\w+)?$/.test(name)) return false;
  try {
    return new RegExp(`\\p{${name}}`, 'u') !== undefined;
  } catch {
    return false;
  }
}

function readClassChar(reader: ExpressionReader): number {
  return reader.peek() === '\\' ? readEscape(reader) : codeOf(reader.next());
}

/** Reads a backslash and its escape. */
export function readEscape(reader: ExpressionReader): number {
  reader.next();
  const char = reader.next();
  const following = reader.peek() ?? '';
  if (char === '0' || (/[1-7]/.test(char) && /[0-7]/.test(following))) {
    let code = Number(char);
    for (let i = 1; i < 3 && /^[0-7]$/.test(reader.peek() ?? ''); i++)
      code = code * 8 + Number(reader.next());
    return code;
  }
  if (char === 'x' && reader.skip('{')) {
    const digits = readUntilBrace(reader);
    const code = Number.parseInt(digits, 16);
    if (/^[0-9a-fA-F]+$/.test(digits) && code <= highest) return code;
  } else if (char === 'x') {
    const digits = `${following}${reader.peek(1) ?? ''}`;
    if (/^[0-9a-fA-F]{2}$/.test(digits)) {
      reader.at += 2;
      return Number.parseInt(digits, 16);
    }
  }
  const control = Object.hasOwn(controls, char) ? controls[char] : undefined;
  if (control !== undefined) return codeOf(control);
  if (codeOf(char) < 0x80 && !/[0-9a-zA-Z]/.test(char)) return codeOf(char);
  throw new PatternSyntaxError(`has an escape that means nothing: \\${char}`);
}
