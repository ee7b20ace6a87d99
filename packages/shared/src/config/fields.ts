import { readFileSync } from 'node:fs';
import { Secret } from './secret.js';

export type Env = Readonly<Record<string, string | undefined>>;

/** Thrown for an invalid environment. The message names every bad variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The documentation of a setting, for the table of settings. */
interface Documented {
  /** A sentence without its end. The name of the setting has the unit (`_MS`, `_BYTES`). */
  readonly doc?: string;
  /** The default in words, where the value itself says too little. */
  readonly shownDefault?: string;
}

/** A setting as the code declares it. */
export interface DeclaredSetting extends Documented {
  readonly name: string;
  readonly default?: string | number | boolean | undefined;
  /** True if the start fails without it. */
  readonly required?: boolean;
}

interface IntOptions extends Documented {
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

interface ParsedOptions<T> extends Documented {
  readonly parse: (raw: string) => T;
}

/** Reads environment variables by type, and collects their declarations and errors. */
export class Fields {
  readonly #env: Env;
  readonly problems: string[] = [];
  /** The documented settings, by name. */
  readonly declared = new Map<string, DeclaredSetting>();

  constructor(env: Env) {
    this.#env = env;
  }

  #raw(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === '' ? undefined : value;
  }

  #bad(name: string, what: string): void {
    this.problems.push(`${name} ${what}`);
  }

  #declare(name: string, { doc, shownDefault, ...more }: Omit<DeclaredSetting, 'name'>): void {
    if (doc === undefined && this.declared.has(name)) return;
    this.declared.set(name, {
      name,
      ...(doc !== undefined && { doc }),
      ...(shownDefault !== undefined && { shownDefault }),
      ...more,
    });
  }

  #parse<T>(name: string, raw: string, parse: (raw: string) => T): T | undefined {
    try {
      return parse(raw);
    } catch (error) {
      this.#bad(name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  optional(name: string, documented: Documented = {}): string | undefined {
    this.#declare(name, documented);
    return this.#raw(name);
  }

  string(name: string, options: Documented & { readonly default?: string } = {}): string {
    const { default: fallback, ...documented } = options;
    this.#declare(name, { ...documented, default: fallback, required: fallback === undefined });
    const value = this.#raw(name) ?? fallback;
    if (value === undefined) this.#bad(name, 'is not set');
    return value ?? '';
  }

  /** Returns a whole number. The variable's name gives the unit (`_MS`, `_BYTES`). */
  int(name: string, { min = 0, max = Number.MAX_SAFE_INTEGER, ...options }: IntOptions): number {
    this.#declare(name, { ...options, required: options.default === undefined });
    const raw = this.#raw(name);
    const value = raw === undefined ? options.default : /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN;
    if (value === undefined) this.#bad(name, 'is not set');
    else if (Number.isNaN(value) || value < min || value > max) {
      this.#bad(name, `must be a whole number from ${min} to ${max}, not '${raw}'`);
    }
    return value ?? min;
  }

  optionalInt(name: string, options: Omit<IntOptions, 'default'>): number | undefined {
    const { min, max, ...documented } = options;
    if (this.#raw(name) !== undefined) return this.int(name, options);
    this.#declare(name, documented);
    return undefined;
  }

  bool(
    name: string,
    { default: fallback, ...documented }: Documented & { readonly default: boolean },
  ): boolean {
    this.#declare(name, { ...documented, default: fallback });
    const raw = this.#raw(name)?.toLowerCase();
    if (raw === undefined) return fallback;
    if (raw === 'true' || raw === '1') return true;
    if (raw === 'false' || raw === '0') return false;
    this.#bad(name, `must be true or false, not '${raw}'`);
    return fallback;
  }

  oneOf<const T extends readonly [string, ...string[]]>(
    name: string,
    options: Documented & { readonly values: T; readonly default: T[number] },
  ): T[number] {
    const { values, default: fallback, ...documented } = options;
    this.#declare(name, { ...documented, default: fallback });
    const raw = this.#raw(name) ?? fallback;
    if (!values.includes(raw)) this.#bad(name, `must be one of ${values.join(', ')}, not '${raw}'`);
    return raw;
  }

  /** Returns a comma-separated list; empty when unset. */
  list(name: string, documented: Documented = {}): string[] {
    this.#declare(name, documented);
    return (this.#raw(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** Passes the value to `parse`, and adds the variable's name to any error that it throws. */
  parsed<T>(name: string, options: ParsedOptions<T> & { readonly default?: string }): T | undefined {
    const { parse, default: fallback, ...documented } = options;
    this.#declare(name, { ...documented, default: fallback, required: fallback === undefined });
    const raw = this.#raw(name) ?? fallback;
    if (raw !== undefined) return this.#parse(name, raw, parse);
    this.#bad(name, 'is not set');
    return undefined;
  }

  /** Returns undefined when unset; otherwise as `parsed`. */
  optionalParsed<T>(name: string, { parse, ...documented }: ParsedOptions<T>): T | undefined {
    this.#declare(name, documented);
    const raw = this.#raw(name);
    return raw === undefined ? undefined : this.#parse(name, raw, parse);
  }

  /** Returns the value of NAME, or the trimmed content of the file that NAME_FILE names. */
  optionalSecret(name: string, documented: Documented = {}): Secret | undefined {
    this.#declare(name, documented);
    const file = this.#raw(`${name}_FILE`);
    if (file === undefined) {
      const value = this.#raw(name);
      return value === undefined ? undefined : new Secret(value);
    }
    try {
      const value = readFileSync(file, 'utf8').trim();
      if (value !== '') return new Secret(value);
      this.#bad(`${name}_FILE`, `names an empty file: ${file}`);
    } catch (error) {
      this.#bad(`${name}_FILE`, `cannot be read: ${(error as Error).message}`);
    }
    return undefined;
  }

  /** Passes the clear text of an optional secret to `parse`. Errors of `parse` must not quote it. */
  parsedSecret<T>(name: string, { parse, ...documented }: ParsedOptions<T>): T | undefined {
    const secret = this.optionalSecret(name, documented);
    return secret === undefined ? undefined : this.#parse(name, secret.reveal(), parse);
  }

  secret(name: string, documented: Documented = {}): Secret {
    const before = this.problems.length;
    const value = this.optionalSecret(name, documented);
    this.#declare(name, { ...documented, required: true });
    if (value === undefined && this.problems.length === before)
      this.#bad(name, `is not set, nor is ${name}_FILE`);
    return value ?? new Secret('');
  }

  /** Returns the set variables of these names. They are no settings of Slipway, but are passed on to child processes. */
  inherited(names: readonly string[]): Record<string, string> {
    return Object.fromEntries(
      names.flatMap((name) => {
        const value = this.#raw(name);
        return value === undefined ? [] : [[name, value]];
      }),
    );
  }
}

/** Returns the settings that `read` declares in an empty environment. */
export function declaredSettings(read: (fields: Fields) => unknown): DeclaredSetting[] {
  const fields = new Fields({});
  read(fields);
  return [...fields.declared.values()];
}

/** Reads a configuration. Throws one `ConfigError` that names all problems. */
export function readEnv<T>(env: Env, read: (fields: Fields) => T): T {
  const fields = new Fields(env);
  const config = read(fields);
  if (fields.problems.length > 0) {
    throw new ConfigError(`the environment cannot be used:\n  ${fields.problems.join('\n  ')}`);
  }
  return config;
}

/** Returns what `open` resolves with. If it rejects, the process stops with a `ConfigError` that names the setting. */
export async function openSetting<T>(name: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw new ConfigError(`${name} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}
