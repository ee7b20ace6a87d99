import { type Instruction, type ParsedDockerfile, parseInstruction } from './instructions.js';
import { Scope, type ScopeOptions } from './scope.js';
import { fieldsOf } from './words.js';

/** A reference in a Dockerfile to a stage or an image. */
export interface NamedSource {
  /** The instruction as errors show it: `FROM`, `COPY --from`, `RUN --mount`. */
  readonly where: string;
  /** The reference as written. */
  readonly word: string;
  /** The reference with its variables replaced. Undefined if it depends on an unknown value. */
  readonly name: string | undefined;
  /** The number of the stage that contains the reference; -1 before the first stage. */
  readonly stage: number;
  /** The number of the earlier stage that it refers to; undefined for an image. */
  readonly earlier: number | undefined;
  /** True if the stages based on this one use the reference (ONBUILD), and not the stage itself. */
  readonly isTrigger: boolean;
  /** True if FROM names a platform, so that the same name may refer to another image. */
  readonly hasPlatform: boolean;
}

export interface NamedSources {
  /** References in the order of the file. */
  readonly sources: readonly NamedSource[];
  /** The number of the last stage with each name, in lower case. */
  readonly stages: ReadonlyMap<string, number>;
  readonly stageCount: number;
}

/**
 * Returns all stages and images that FROM, `--from` and the `from` of mounts name, including `scratch`. Expands variables as
 * BuildKit and buildah do: FROM sees those before the first stage. Elsewhere only buildah replaces variables, with those of the
 * stage.
 */
export function namedSources(parsed: ParsedDockerfile, options: ScopeOptions): NamedSources {
  return new SourceReader(parsed, options).read();
}

/** Tracks the variables and stages of a Dockerfile from one instruction to the next. */
class SourceReader {
  readonly #parsed: ParsedDockerfile;
  readonly #scope: Scope;
  readonly #sources: NamedSource[] = [];
  readonly #stages = new Map<string, number>();
  #stage = -1;
  /** The current stage. Other references can name it from the next stage on. */
  #stageName: string | undefined;

  constructor(parsed: ParsedDockerfile, options: ScopeOptions) {
    this.#parsed = parsed;
    this.#scope = new Scope(parsed, options);
  }

  read(): NamedSources {
    for (const instruction of this.#parsed.instructions) this.#take(instruction, false);
    this.#endStage();
    return { sources: this.#sources, stages: this.#stages, stageCount: this.#stage + 1 };
  }

  #take({ keyword, flags, rest }: Instruction, isTrigger: boolean): void {
    if (keyword === 'ONBUILD') this.#takeTrigger(rest);
    else if (keyword === 'FROM') this.#takeFrom(flags, rest, isTrigger);
    else if (keyword === 'ARG' || keyword === 'ENV') this.#scope.assign(keyword, rest);
    else for (const flag of flags) this.#takeFlag({ keyword, flag, isTrigger });
  }

  /** No engine accepts a trigger of a trigger. Re-parsing the rest of each would make a long one expensive. */
  #takeTrigger(rest: string): void {
    const trigger = parseInstruction(rest.replace(/^(?:ONBUILD\s+)+/i, ''), this.#parsed.escapeChar);
    this.#take(trigger, true);
  }

  #takeFrom(flags: readonly string[], rest: string, isTrigger: boolean): void {
    const [word = '', as = '', stage = ''] = rest.split(/[\t\v\f\r ]+/, 3);
    const name = this.#scope.expandGlobal(word);
    if (isTrigger) {
      // No engine runs this trigger.
      this.#add({ where: 'ONBUILD FROM', word, name, isTrigger });
      return;
    }
    this.#endStage();
    this.#stage++;
    this.#add({ where: 'FROM', word, name, isTrigger, hasPlatform: flags.length > 0 });
    const isNamed = as.toLowerCase() === 'as' && /^[a-z0-9][\w.-]*$/i.test(stage);
    this.#stageName = isNamed ? stage.toLowerCase() : undefined;
    this.#scope.beginStage();
  }

  #endStage(): void {
    if (this.#stageName !== undefined) this.#stages.set(this.#stageName, this.#stage);
    this.#stageName = undefined;
  }

  #takeFlag({ keyword, flag, isTrigger }: FlagOptions): void {
    const [, option = '', value = ''] = /^--([^=]*)=?([\s\S]*)$/.exec(flag) ?? [];
    const isMount = option.toLowerCase() === 'mount';
    const word = isMount ? sourceOfMount(value) : option.toLowerCase() === 'from' ? value : '';
    if (word === '') return;
    const name = this.#scope.expand(word);
    this.#add({ where: `${keyword} --${isMount ? 'mount' : 'from'}`, word, name, isTrigger });
  }

  #add(source: Pick<NamedSource, 'where' | 'word' | 'name' | 'isTrigger'> & { hasPlatform?: boolean }): void {
    const { name } = source;
    const earlier = name === undefined ? undefined : this.#earlierStage(name);
    this.#sources.push({ hasPlatform: false, ...source, stage: this.#stage, earlier });
  }

  /**
   * Returns the earlier stage of a reference. BuildKit reads a number in FROM and mounts as an image, which no registry has;
   * buildah reads it as a stage.
   */
  #earlierStage(name: string): number | undefined {
    const number = /^\d{1,6}$/.test(name) ? Number(name) : this.#stage;
    return this.#stages.get(name.toLowerCase()) ?? (number < this.#stage ? number : undefined);
  }
}

interface FlagOptions {
  readonly keyword: string;
  readonly flag: string;
  readonly isTrigger: boolean;
}

/** Returns the `from` of a mount, whose options are one line of CSV. The last one wins; empty when there is none. */
function sourceOfMount(mount: string): string {
  const field = fieldsOf(mount).findLast((option) => /^\s*from\s*=/i.test(option)) ?? '';
  return field.slice(field.indexOf('=') + 1).trim();
}
