import { readFileSync } from 'node:fs';
import { Secret } from './secret.js';

export type Env = Readonly<Record<string, string | undefined>>;

/** Thrown for an invalid environment. The message names every bad variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

interface IntOptions {
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

/** Reads environment variables by type, and collects their errors. */
export class Fields {
  readonly #env: Env;
  readonly problems: string[] = [];

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

  optional(name: string): string | undefined {
    return this.#raw(name);
  }

  string(name: string, fallback?: string): string {
    const value = this.#raw(name) ?? fallback;
    if (value === undefined) this.#bad(name, 'is not set');
    return value ?? '';
  }

  /** Returns a whole number. The variable's name gives the unit (`_MS`, `_BYTES`). */
  int(name: string, options: IntOptions): number {
    const raw = this.#raw(name);
    const value = raw === undefined ? options.default : /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN;
    const min = options.min ?? 0;
    const max = options.max ?? Number.MAX_SAFE_INTEGER;
    if (value === undefined) this.#bad(name, 'is not set');
    else if (Number.isNaN(value) || value < min || value > max) {
      this.#bad(name, `must be a whole number from ${min} to ${max}, not '${raw}'`);
    }
    return value ?? min;
  }

  optionalInt(name: string, options: IntOptions): number | undefined {
    return this.#raw(name) === undefined ? undefined : this.int(name, options);
  }

  port(name: string, fallback: number): number {
    return this.int(name, { default: fallback, min: 0, max: 65535 });
  }

  bool(name: string, fallback: boolean): boolean {
    const raw = this.#raw(name)?.toLowerCase();
    if (raw === undefined) return fallback;
    if (raw === 'true' || raw === '1') return true;
    if (raw === 'false' || raw === '0') return false;
    this.#bad(name, `must be true or false, not '${raw}'`);
    return fallback;
  }

  oneOf<const T extends readonly [string, ...string[]]>(
    name: string,
    values: T,
    fallback: T[number],
  ): T[number] {
    const raw = this.#raw(name) ?? fallback;
    if (!values.includes(raw)) this.#bad(name, `must be one of ${values.join(', ')}, not '${raw}'`);
    return raw;
  }

  /** Returns a comma-separated list; empty when unset. */
  list(name: string): string[] {
    return (this.#raw(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** Passes the value to `parse`, and adds the variable's name to any error that it throws. */
  parsed<T>(name: string, parse: (raw: string) => T, fallback?: string): T | undefined {
    const raw = this.#raw(name) ?? fallback;
    if (raw === undefined) {
      this.#bad(name, 'is not set');
      return undefined;
    }
    try {
      return parse(raw);
    } catch (error) {
      this.#bad(name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** Returns the value of NAME, or the trimmed content of the file that NAME_FILE names. */
  optionalSecret(name: string): Secret | undefined {
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
  parsedSecret<T>(name: string, parse: (text: string) => T): T | undefined {
    const secret = this.optionalSecret(name);
    if (secret === undefined) return undefined;
    try {
      return parse(secret.reveal());
    } catch (error) {
      this.#bad(name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  secret(name: string): Secret {
    const before = this.problems.length;
    const value = this.optionalSecret(name);
    if (value === undefined && this.problems.length === before)
      this.#bad(name, `is not set, nor is ${name}_FILE`);
    return value ?? new Secret('');
  }
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
