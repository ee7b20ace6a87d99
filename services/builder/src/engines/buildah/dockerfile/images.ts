import { parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { ownPlatform } from '../../platform.js';
import { type Instruction, parseInstruction, parseInstructions } from './instructions.js';
import { expandWord } from './words.js';

interface ImagesOptions {
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Whether this buildah reads here-documents. */
  readonly heredocs: boolean;
}

/** A base image of a stage. */
export interface BaseImage {
  readonly name: string;
  /** Whether FROM asks for a platform, by which another image may have this name. */
  readonly hasPlatform: boolean;
}

/**
 * Names that containers/image (`transports/alltransports`) takes for a place on this machine when a colon follows. Only `docker` names a registry,
 * and buildah reads `docker:27` as an image.
 */
const localTransports = new Set([
  ...['atomic', 'containers-storage', 'dir', 'docker-archive', 'docker-daemon', 'oci', 'oci-archive'],
  ...['ostree', 'sif', 'tarball'],
]);

/**
 * Returns the base images of all stages. Throws `base_image_invalid` when FROM, `--from` or the `from` of a mount names anything but an
 * image of a registry or a stage: buildah would look for `oci:/path` and the like on the builder's own disk.
 */
export function baseImages({ dockerfile, buildArgs, heredocs }: ImagesOptions): BaseImage[] {
  const reader = new ImageReader(buildArgs);
  return parseInstructions(dockerfile, { heredocs }).flatMap((instruction) => reader.take(instruction) ?? []);
}

/** Throws `base_image_invalid` when a trigger of a base image (ONBUILD) names anything but an image of a registry. */
export function checkTriggers({
  triggers,
  buildArgs,
  heredocs,
}: Omit<ImagesOptions, 'dockerfile'> & { readonly triggers: readonly string[] }): void {
  const reader = new ImageReader(buildArgs);
  // As buildah does: a trigger may hold several lines, and go on in the next.
  for (const instruction of parseInstructions(triggers.join('\n'), { heredocs })) reader.take(instruction);
}

/** Follows the variables and stages of a Dockerfile from one instruction to the next. */
class ImageReader {
  readonly #given: Readonly<Record<string, string>>;
  readonly #globals: Map<string, string>;
  readonly #stages = new Set<string>(['scratch']);
  /** Of the present stage; undefined in front of the first. */
  #variables: Map<string, string> | undefined;

  constructor(buildArgs: Readonly<Record<string, string>>) {
    this.#given = buildArgs;
    this.#globals = this.#predefined();
  }

  #predefined(): Map<string, string> {
    return new Map(
      platformArguments().map(([name, value]) => [
        name,
        Object.hasOwn(this.#given, name) ? (this.#given[name] ?? '') : value,
      ]),
    );
  }

  /** Checks what an instruction names; returns the base image of FROM, if it names one. */
  take(instruction: Instruction): BaseImage | undefined {
    const { keyword, flags, rest } = instruction;
    switch (keyword) {
      case 'ONBUILD':
        this.#trigger(parseInstruction(rest));
        return undefined;
      case 'FROM':
        return this.#from(instruction);
      case 'ARG':
      case 'ENV':
        for (const word of assignments(keyword, rest)) this.#assign(keyword, word);
        return undefined;
      default:
        for (const flag of flags) this.#checkFlag(keyword, flag);
        return undefined;
    }
  }

  #trigger(instruction: Instruction): void {
    // No builder runs FROM as a trigger: what it names is checked, and is no base of a stage here.
    if (instruction.keyword === 'FROM') {
      const [word = ''] = wordsOf(instruction.rest);
      this.#checkSource(word, 'ONBUILD FROM');
    } else this.take(instruction);
  }

  #from({ flags, rest }: Instruction): BaseImage | undefined {
    const [word = '', as = '', stage = ''] = wordsOf(rest);
    // A variable without a value is nothing here.
    const name = expandWord(word, { variables: this.#globals, missing: '' });
    const isImage = this.#check({ name, word, where: 'FROM' });
    if (as.toLowerCase() === 'as' && /^[a-z0-9][\w.-]*$/i.test(stage)) this.#stages.add(stage.toLowerCase());
    this.#variables = this.#predefined();
    return isImage ? { name: name ?? '', hasPlatform: flags.length > 0 } : undefined;
  }

  #assign(keyword: 'ARG' | 'ENV', word: string): void {
    const variables = this.#variables ?? this.#globals;
    const [, name = '', given] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (keyword === 'ARG' && Object.hasOwn(this.#given, name)) {
      variables.set(name, this.#given[name] ?? '');
      return;
    }
    const inherited = keyword === 'ARG' ? this.#globals.get(name) : undefined;
    const value = given === undefined ? inherited : expandWord(given, { variables, missing: '' });
    if (value !== undefined) variables.set(name, value);
    else if (given !== undefined || keyword === 'ENV') variables.delete(name);
  }

  #checkFlag(keyword: string, flag: string): void {
    const [, option = '', value = ''] = /^--([^=]*)=?([\s\S]*)$/.exec(flag) ?? [];
    if (option.toLowerCase() === 'from') this.#checkSource(value, `${keyword} --from`);
    if (option.toLowerCase() !== 'mount') return;
    for (const part of value.split(',')) {
      const [, source] = /^["'\s]*from["'\s]*=([\s\S]*)$/i.exec(part) ?? [];
      if (source !== undefined) this.#checkSource(source.replace(/["'\s]+$/, ''), `${keyword} --mount`);
    }
  }

  /** What a stage copies or mounts from. Older releases of buildah do not replace variables here; then the name is none. */
  #checkSource(word: string, where: string): void {
    const variables = this.#variables ?? this.#globals;
    this.#check({ name: expandWord(word, { variables, missing: undefined }), word, where });
  }

  /** Whether the name is that of an image, and not of a stage. */
  #check(found: {
    readonly name: string | undefined;
    readonly word: string;
    readonly where: string;
  }): boolean {
    const { name, word, where } = found;
    if (name !== undefined && this.#stages.has(name.toLowerCase())) return false;
    if (name !== undefined && isRegistryImage(name)) return true;
    const shown =
      name === undefined || name === word ? quoted(word) : `${quoted(word)}, which is ${quoted(name)}`;
    throw new SlipwayError('base_image_invalid', `${where} names ${shown}: no image of a registry.`);
  }
}

/** Whether buildah looks for the name in a registry, and nowhere else. */
function isRegistryImage(name: string): boolean {
  const [, transport] = /^([^:/@]+):/.exec(name) ?? [];
  if (transport !== undefined && localTransports.has(transport)) return false;
  return parseImageReference(name) !== undefined;
}

/** Arguments that every builder knows. */
function platformArguments(): [string, string][] {
  const [os = '', arch = '', variant = ''] = ownPlatform.split('/');
  return ['TARGET', 'BUILD'].flatMap((prefix): [string, string][] => [
    [`${prefix}PLATFORM`, ownPlatform],
    [`${prefix}OS`, os],
    [`${prefix}ARCH`, arch],
    [`${prefix}VARIANT`, variant],
  ]);
}

/** `NAME`, `NAME=value`. The older form of ENV, `NAME value`, has one name, whose value is not followed. */
function assignments(keyword: 'ARG' | 'ENV', rest: string): string[] {
  const words = wordsOf(rest);
  return keyword === 'ENV' && !words[0]?.includes('=') ? words.slice(0, 1) : words;
}

/** Words between white space; quotes keep white space in a word, and stay. */
function wordsOf(text: string): string[] {
  return text.match(/(?:\\[\s\S]|"(?:\\[\s\S]|[^"\\])*"|'[^']*'|[^\s])+/g) ?? [];
}

const quoted = (text: string) => JSON.stringify(text.slice(0, 200));
