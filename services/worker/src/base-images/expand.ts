/**
 * Replaces the variables of a word of a Dockerfile: `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME-word}`, `${NAME:+word}` and
 * `${NAME+word}`; a backslash takes the meaning from a dollar sign. Undefined when a variable has no value or the word is
 * written in another way: then nobody knows what it stands for.
 */
export function expandVariables(word: string, values: ReadonlyMap<string, string>): string | undefined {
  const parts = split(word);
  if (!parts) return undefined;
  let text = '';
  for (const part of parts) {
    const value = typeof part === 'string' ? part : resolve(part, values);
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}

interface Variable {
  readonly name: string;
  /** `:-`, `-`, `:+`, `+`, or nothing. */
  readonly operator: string;
  readonly operand: string;
}

function resolve(
  { name, operator, operand }: Variable,
  values: ReadonlyMap<string, string>,
): string | undefined {
  const value = values.get(name);
  const isSet = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
  if (operator.endsWith('-')) return isSet ? value : expandVariables(operand, values);
  if (operator.endsWith('+')) return isSet ? expandVariables(operand, values) : '';
  return value;
}

const bare = /^[A-Za-z_][A-Za-z0-9_]*/;
const braced = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])(.*))?$/s;

function split(word: string): (string | Variable)[] | undefined {
  const parts: (string | Variable)[] = [];
  let at = 0;
  while (at < word.length) {
    const next = word.slice(at).search(/[$\\]/);
    if (next === -1) return [...parts, word.slice(at)];
    parts.push(word.slice(at, at + next));
    at += next;
    if (word[at] === '\\') {
      parts.push(word.slice(at + 1, at + 2));
      at += 2;
    } else if (word[at + 1] === '{') {
      const end = closingBrace(word, at + 2);
      const [whole, name = '', operator = '', operand = ''] = braced.exec(word.slice(at + 2, end)) ?? [];
      if (end === undefined || whole === undefined) return undefined;
      parts.push({ name, operator, operand });
      at = end + 1;
    } else {
      const [name] = bare.exec(word.slice(at + 1)) ?? [];
      if (name === undefined) return undefined;
      parts.push({ name, operator: '', operand: '' });
      at += 1 + name.length;
    }
  }
  return parts;
}

/** Of a brace that was opened before `from`. */
function closingBrace(word: string, from: number): number | undefined {
  let open = 1;
  for (let at = from; at < word.length; at++) {
    if (word[at] === '{') open++;
    else if (word[at] === '}' && --open === 0) return at;
  }
  return undefined;
}
