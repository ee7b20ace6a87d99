/** Values of variables by name, as far as they are known. */
export type Variables = ReadonlyMap<string, string>;

/** Longer words name no image. */
const maxWord = 4_096;

/**
 * Returns a word with its variables replaced and its quotes and escapes removed, as for FROM: `$NAME`, `${NAME}`, and `-`, `:-`, `+`, `:+`
 * in braces. `missing` stands for variables without a value. Undefined for every other way to write a variable, and for a word that grows too long.
 */
export function expandWord(
  word: string,
  { variables, missing }: { readonly variables: Variables; readonly missing: string | undefined },
): string | undefined {
  if (word.length > maxWord) return undefined;
  let text = '';
  let quote = '';
  for (let at = 0; at < word.length; at++) {
    const char = word[at] ?? '';
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (quote === "'") text += char;
    else if (char === '\\') text += word[++at] ?? '';
    else if (char !== '$') text += char;
    else {
      const variable = variableAt(word.slice(at));
      const value = variable && valueFor(variable, { variables, missing });
      if (variable === undefined || value === undefined) return undefined;
      text += value;
      at += variable.length - 1;
    }
    if (text.length > maxWord) return undefined;
  }
  return text;
}

interface Variable {
  readonly name: string;
  readonly operator: string;
  readonly operand: string;
  /** Characters of the word that it takes. */
  readonly length: number;
}

function variableAt(text: string): Variable | undefined {
  const [plain, name] = /^\$([A-Za-z_][A-Za-z0-9_]*)/.exec(text) ?? [];
  if (plain !== undefined) return { name: name ?? '', operator: '', operand: '', length: plain.length };
  if (!text.startsWith('${')) return undefined;
  const end = closingBrace(text);
  const [whole, braced, operator = '', operand = ''] =
    /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([\s\S]*))?$/.exec(text.slice(2, end)) ?? [];
  if (end === undefined || whole === undefined) return undefined;
  return { name: braced ?? '', operator, operand, length: end + 1 };
}

function closingBrace(text: string): number | undefined {
  let open = 1;
  for (let at = 2; at < text.length; at++) {
    if (text[at] === '{') open++;
    else if (text[at] === '}' && --open === 0) return at;
  }
  return undefined;
}

function valueFor(
  { name, operator, operand }: Variable,
  options: { readonly variables: Variables; readonly missing: string | undefined },
): string | undefined {
  const value = options.variables.get(name);
  const isSet = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
  if (operator.endsWith('-')) return isSet ? value : expandWord(operand, options);
  if (operator.endsWith('+')) return isSet ? expandWord(operand, options) : '';
  return value ?? options.missing;
}
