import { patternOf } from './shell-pattern.js';

type Lookup = (name: string) => string | undefined;

/** A malformed reference to the environment. */
export class SubstitutionError extends Error {
  override readonly name = 'SubstitutionError';
}

/**
 * Substitutes environment variables in a text as `faas-cli` does for a stack.yaml (with drone/envsubst 1.0): `${VAR}`, and defaults
 * as `${VAR:-…}`, `${VAR:=…}`, `${VAR=…}`, `${VAR:?…}` or `${VAR:+…}` (all equivalent there; an empty variable
 * counts as unset), and bash's operators for length, case, parts, removal and replacement. `$VAR` stays unchanged, `$$` becomes
 * `$`, `\\` and `\/` lose their first character. An unset variable is empty. Throws `SubstitutionError`.
 */
export function substitute(text: string, lookup: Lookup): string {
  return new Substitution(text, lookup).text();
}

const escaped = /^(?:\$(?=\$)|\\(?=[\\/]))/;

class Substitution {
  readonly #input: string;
  readonly #lookup: Lookup;
  #at = 0;

  constructor(input: string, lookup: Lookup) {
    this.#input = input;
    this.#lookup = lookup;
  }

  text(): string {
    let result = '';
    while (this.#at < this.#input.length) {
      result += this.#take('${') ? this.#reference() : this.#plain({ until: /[^\s\S]/, escapes: true });
    }
    return result;
  }

  /** Parses the text between `${` and `}`. */
  #reference(): string {
    if (this.#take('#')) {
      const value = this.#value(this.#match(/^[\p{L}\p{Nd}_]+/u) ?? this.#fail());
      this.#close();
      return String(Buffer.byteLength(value));
    }
    const name = this.#match(/^[\p{L}\p{Nd}_]+/u) ?? this.#fail();
    const value = this.#value(name);
    const operator = this.#match(/^(?::[=\-?+]|:|=|,{1,2}|\^{1,2}|\/[/#%]?|##?|%%?)/) ?? '';
    switch (operator) {
      case '':
        this.#close();
        return value;
      case ',':
      case ',,':
      case '^':
      case '^^':
        this.#close();
        return changeCase(operator, value);
      case '#':
      case '##':
      case '%':
      case '%%': {
        const pattern = this.#argument(/\}/);
        this.#close();
        return remove(operator, value, pattern);
      }
      case ':':
        return this.#part(value);
      case '/':
      case '//':
      case '/#':
      case '/%':
        return this.#replacement(operator, value);
      default: {
        let otherwise = '';
        while (!this.#take('}')) otherwise += this.#argument(/\}/);
        return value === '' ? otherwise : value;
      }
    }
  }

  #part(value: string): string {
    const start = this.#argument(/[:}]/);
    const length = this.#match(/^:+/) ? this.#argument(/\}/) : undefined;
    this.#close();
    const bytes = Buffer.from(value);
    const whole = /^[+-]?\d+$/;
    if (!whole.test(start)) return value;
    const from = Number(start) < 0 ? Math.max(0, bytes.length + Number(start)) : Number(start);
    if (length === undefined) return bytes.subarray(from).toString();
    if (!whole.test(length)) return value;
    if (Number(length) < 0) this.#fail();
    return bytes.subarray(from, from + Number(length)).toString();
  }

  #replacement(operator: string, value: string): string {
    const wanted = this.#argument(/\//, true);
    if (!this.#match(/^\/+/)) this.#fail();
    const other = this.#take('}') ? undefined : this.#argument(/\}/, true);
    if (other !== undefined) this.#close();
    switch (operator) {
      case '/':
        return value.replace(wanted, () => other ?? '');
      case '//':
        return value.replaceAll(wanted, () => other ?? '');
      case '/#':
        return other !== undefined && value.startsWith(wanted) ? other + value.slice(wanted.length) : value;
      default:
        return other !== undefined && value.endsWith(wanted)
          ? value.slice(0, value.length - wanted.length) + other
          : value;
    }
  }

  /** Parses an argument of an operator: another reference, or text. */
  #argument(until: RegExp, escapes = false): string {
    return this.#take('${') ? this.#reference() : this.#plain({ until, escapes }) || this.#fail();
  }

  #plain({ until, escapes }: { until: RegExp; escapes: boolean }): string {
    let result = '';
    while (this.#at < this.#input.length && !this.#input.startsWith('${', this.#at)) {
      // The escape character is removed, and the next character loses its meaning.
      const isEscape = escapes && escaped.test(this.#input.slice(this.#at, this.#at + 2));
      if (isEscape) this.#at++;
      const next = this.#input[this.#at] as string;
      if (!isEscape && until.test(next)) break;
      result += next;
      this.#at++;
    }
    return result;
  }

  #value(name: string): string {
    return this.#lookup(name) ?? '';
  }

  #take(token: string): boolean {
    const found = this.#input.startsWith(token, this.#at);
    if (found) this.#at += token.length;
    return found;
  }

  #match(pattern: RegExp): string | undefined {
    // Names and operators are short.
    const found = pattern.exec(this.#input.slice(this.#at, this.#at + 1_024))?.[0];
    if (found) this.#at += found.length;
    return found || undefined;
  }

  #close(): void {
    if (!this.#take('}')) this.#fail();
  }

  #fail(): never {
    const line = this.#input.slice(0, this.#at).split('\n').length;
    throw new SubstitutionError(`line ${line}: a reference to the environment must be written as \${NAME}`);
  }
}

function changeCase(operator: ',' | ',,' | '^' | '^^', value: string): string {
  const change = (text: string) => (operator.startsWith('^') ? text.toUpperCase() : text.toLowerCase());
  if (operator.length === 2) return change(value);
  const [first = '', ...rest] = value;
  return change(first) + rest.join('');
}

function remove(operator: '#' | '##' | '%' | '%%', value: string, pattern: string): string {
  const atEnd = operator.startsWith('%');
  const matches = patternOf(pattern);
  if (!matches) return value;
  const lengths = Array.from(value, (_, index) => index + 1);
  if (operator.length === 2) lengths.reverse();
  for (const length of lengths) {
    const part = atEnd ? value.slice(-length) : value.slice(0, length);
    if (matches.test(part)) return atEnd ? value.slice(0, -length) : value.slice(length);
  }
  return value;
}
