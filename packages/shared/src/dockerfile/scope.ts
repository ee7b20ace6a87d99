import { Expander } from './expand.js';
import type { ParsedDockerfile } from './instructions.js';
import { wordsOf } from './words.js';

export interface ScopeOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  /** The platforms that images are built for and on; undefined if unknown. */
  readonly platform: { readonly target: string | undefined; readonly build: string | undefined };
  /** The name of the requested stage. */
  readonly target?: string | undefined;
}

/** Variables of an image or a stage (ENV). */
export interface Environment {
  readonly values: ReadonlyMap<string, string | undefined>;
  /** True if `values` has all variables. */
  readonly isComplete: boolean;
}

const noEnvironment: Environment = { values: new Map(), isComplete: true };

/** Tracks the variables (ARG, ENV) of a Dockerfile from one instruction to the next. */
export class Scope {
  readonly #escapeChar: string;
  readonly #expander: Expander;
  readonly #given: Readonly<Record<string, string>>;
  readonly #predefined: readonly (readonly [string, string | undefined])[];
  readonly #globals: Map<string, string | undefined>;
  /** Variables of the current stage, or of the file before the first stage. */
  #variables: Map<string, string | undefined>;
  #environment: Environment & { readonly values: Map<string, string | undefined> } = {
    values: new Map(),
    isComplete: true,
  };

  constructor(parsed: ParsedDockerfile, { buildArgs, platform, target }: ScopeOptions) {
    this.#escapeChar = parsed.escapeChar;
    this.#expander = new Expander(parsed.escapeChar);
    this.#given = buildArgs;
    this.#predefined = predefinedArguments(platform, target ?? lastStageOf(parsed)).map(([name, value]) => [
      name,
      Object.hasOwn(buildArgs, name) ? buildArgs[name] : value,
    ]);
    this.#globals = new Map(this.#predefined);
    this.#variables = this.#globals;
  }

  /** Starts a stage with the environment of its base. If that environment is incomplete, an unset variable is unknown. */
  beginStage({ values, isComplete }: Environment = noEnvironment): void {
    const all = [...this.#predefined, ...values];
    this.#variables = isComplete ? new Map(all) : new OpenVariables(all);
    this.#environment = { values: new Map(values), isComplete };
  }

  /** Returns the environment of the current stage so far. */
  get environment(): Environment {
    return this.#environment;
  }

  /** Returns a word with its variables replaced as FROM sees them. */
  expandGlobal(word: string): string | undefined {
    return this.#expander.expand(word, this.#globals);
  }

  /** Returns a word with its variables replaced; undefined if it depends on an unknown value. */
  expand(word: string): string | undefined {
    return this.#expander.expand(word, this.#variables);
  }

  /** Assigns `NAME`, `NAME=value`, or the older form of ENV, `NAME value`. */
  assign(keyword: 'ARG' | 'ENV', rest: string): void {
    const words = wordsOf(rest, this.#escapeChar);
    if (keyword === 'ENV' && !words[0]?.includes('=')) {
      const [, name = '', value = ''] = /^(\S+)\s+([\s\S]*)$/.exec(rest) ?? [];
      this.#set(keyword, name, this.#expander.expand(value, this.#variables));
      return;
    }
    for (const word of words) {
      const at = word.indexOf('=');
      if (at === -1) this.#declare(word);
      else this.#assignOne(keyword, word.slice(0, at), word.slice(at + 1));
    }
  }

  #assignOne(keyword: 'ARG' | 'ENV', name: string, word: string): void {
    const isGiven = keyword === 'ARG' && Object.hasOwn(this.#given, name);
    this.#set(keyword, name, isGiven ? this.#given[name] : this.#expander.expand(word, this.#variables));
  }

  #set(keyword: 'ARG' | 'ENV', name: string, value: string | undefined): void {
    this.#variables.set(name, value);
    if (keyword === 'ENV') this.#environment.values.set(name, value);
  }

  #declare(name: string): void {
    if (Object.hasOwn(this.#given, name)) this.#variables.set(name, this.#given[name]);
    else if (this.#globals.has(name)) this.#variables.set(name, this.#globals.get(name));
  }
}

/** A map that has every name; unset names are undefined. */
class OpenVariables extends Map<string, string | undefined> {
  override has(): boolean {
    return true;
  }
}

/** Returns the arguments that BuildKit predefines: https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope */
function predefinedArguments(
  platform: ScopeOptions['platform'],
  target: string,
): [string, string | undefined][] {
  const parts = (prefix: string, whole: string | undefined): [string, string | undefined][] => {
    const [os, arch, variant] = whole === undefined ? [] : [...whole.split('/'), ''];
    return [
      [`${prefix}PLATFORM`, whole],
      [`${prefix}OS`, os],
      [`${prefix}OSVERSION`, whole && ''],
      [`${prefix}ARCH`, arch],
      [`${prefix}VARIANT`, variant],
    ];
  };
  return [...parts('TARGET', platform.target), ...parts('BUILD', platform.build), ['TARGETSTAGE', target]];
}

/** Returns the value of TARGETSTAGE when no stage is requested. */
function lastStageOf({ instructions }: ParsedDockerfile): string {
  const [, as = '', name] =
    instructions.findLast(({ keyword }) => keyword === 'FROM')?.rest.split(/[\t\v\f\r ]+/, 3) ?? [];
  return as.toLowerCase() === 'as' && name !== undefined ? name.toLowerCase() : 'default';
}
