const wideSpace = /^[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

/** White space as Go's unicode.IsSpace defines it. */
function isSpace(char: string | undefined): boolean {
  if (char === undefined) return false;
  return char < '\u0080' ? char === ' ' || (char >= '\t' && char <= '\r') : wideSpace.test(char);
}

/** Splits flags off the front, without their quotes and escapes. */
export function takeFlags(text: string, escapeChar: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (isSpace(text[at])) at++;
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) };
    const word: string[] = [];
    let quote = '';
    for (; at < text.length; at++) {
      const char = text[at] ?? '';
      if (quote === '' && isSpace(char)) break;
      if (char === quote) quote = '';
      else if (quote === '' && (char === '"' || char === "'")) quote = char;
      else if (char === escapeChar) word.push(text[++at] ?? '');
      else word.push(char);
    }
    const flag = word.join('');
    if (flag === '--') return { flags, rest: text.slice(at) };
    flags.push(flag);
  }
}

/** Returns the words of ARG and ENV. Quotes and escapes group white space, and stay in the words. */
export function wordsOf(text: string, escapeChar: string): string[] {
  const words: string[] = [];
  let from = 0;
  let quote = '';
  for (let at = 0; at <= text.length; at++) {
    const char = text[at];
    if (char === undefined || (quote === '' && isSpace(char))) {
      if (at > from) words.push(text.slice(from, at));
      from = at + 1;
    } else if (char === escapeChar && quote !== "'") at++;
    else if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
  }
  if (from < text.length) words.push(text.slice(from));
  return words;
}

/**
 * Returns the words of a shell command, as far as here-documents need them. Quotes and escapes stay, and so does white space after
 * `<<`. Returns no words for an unterminated quote.
 */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  let from = 0;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '\\' && quote !== "'") at++;
    else if (char === quote) quote = '';
    else if (quote !== '') continue;
    else if (char === '"' || char === "'") quote = char;
    else if (text.startsWith('<<', at)) {
      at++;
      while (/^[\t\r ]$/.test(text[at + 1] ?? '')) at++;
    } else if (isSpace(char)) {
      if (at > from) words.push(text.slice(from, at));
      from = at + 1;
    }
  }
  if (from < text.length) words.push(text.slice(from));
  return quote === '' ? words : [];
}

/** Here-documents with longer names are ignored. */
const maxQuoted = 1_024;

/** Returns a shell word without its quotes and escapes; undefined for several words. */
export function withoutQuotes(text: string): string | undefined {
  if (text.length > maxQuoted || shellWords(text).length !== 1) return undefined;
  return text
    .trim()
    .replace(/'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S]?)/g, (_all, single, double, escaped) =>
      double === undefined ? (single ?? escaped) : double.replace(/\\(["$\\])/g, '$1'),
    );
}

/** Returns the fields of a line of CSV. */
export function fieldsOf(line: string): string[] {
  const fields: string[] = [];
  let field: string[] = [];
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (char === '"' && (isQuoted || field.length === 0)) {
      if (isQuoted && line[at + 1] === '"') field.push(line[++at] ?? '');
      else isQuoted = !isQuoted;
    } else if (char === ',' && !isQuoted) {
      fields.push(field.join(''));
      field = [];
    } else field.push(char);
  }
  return [...fields, field.join('')];
}
