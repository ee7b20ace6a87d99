import { type Instruction, type ParsedDockerfile, parseInstruction } from './instructions.js';
import { Scope, type ScopeOptions } from './scope.js';
import { fieldsOf } from './words.js';

/** A place where a Dockerfile names a stage or an image. */
export interface NamedSource {
  /** The instruction, as errors show it: `FROM`, `COPY --from`, `RUN --mount`. */
  readonly where: string;
  /** As it is written. */
  readonly word: string;
  /** With its variables replaced. Undefined when it cannot be told. */
  readonly name: string | undefined;
  /** The number of the stage that names it; -1 in front of the first stage. */
  readonly stage: number;
  /** The number of the earlier stage that is meant; undefined for an image. */
  readonly earlier: number | undefined;
  /** Whether the stages that begin from this one use it (ONBUILD), and not the stage itself. */
  readonly isTrigger: boolean;
  /** Whether FROM asks for a platform, by which another image may have this name. */
  readonly hasPlatform: boolean;
}

export interface NamedSources {
  /** In the order of the file. */
  readonly sources: readonly NamedSource[];
  /** The number of the last stage of each name, in lower case. */
  readonly stages: ReadonlyMap<string, number>;
  readonly stageCount: number;
}

/**
 * Returns all stages and images that FROM, `--from` and the `from` of mounts name. `scratch` is among them. Variables count as BuildKit and buildah
 * define them: those in front of the first stage for FROM, and for the rest, where buildah alone replaces them, those of the stage.
 */
export function namedSources(parsed: ParsedDockerfile, options: ScopeOptions): NamedSources {
  return new SourceReader(parsed, options).read();
}

/** Follows the variables and stages of a Dockerfile from one instruction to the next. */
class SourceReader {
  readonly #parsed: ParsedDockerfile;
  readonly #scope: Scope;
  readonly #sources: NamedSource[] = [];
  readonly #stages = new Map<string, number>();
  #stage = -1;
  /** The present stage, which other names can mean from the next stage on. */
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

  /** No engine takes a trigger of a trigger. The parser's own rest of each would make a long one expensive. */
  #takeTrigger(rest: string): void {
    const trigger = parseInstruction(rest.replace(/^(?:ONBUILD\s+)+/i, ''), this.#parsed.escapeChar);
    this.#take(trigger, true);
  }

  #takeFrom(flags: readonly string[], rest: string, isTrigger: boolean): void {
    const [word = '', as = '', stage = ''] = rest.split(/[\t\v\f\r ]+/, 3);
    const name = this.#scope.expandGlobal(word);
    if (isTrigger) {
      // No engine runs it.
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

  /** A number is an image for BuildKit where FROM and mounts name it. No registry has such an image, and for buildah it is a stage. */
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

/** Returns the `from` of a mount, whose options are one line of CSV. The last counts; empty when there is none. */
function sourceOfMount(mount: string): string {
  const field = fieldsOf(mount).findLast((option) => /^\s*from\s*=/i.test(option)) ?? '';
  return field.slice(field.indexOf('=') + 1).trim();
}
