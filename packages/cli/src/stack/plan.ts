import { readFile } from 'node:fs/promises';
import { dockerfileNames } from '../build/dockerfile.js';
import { checked, isTagAlone } from '../build-options/check.js';
import { furtherTags, overOptions, type RequestedOptions } from '../build-options/options.js';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import type { MissingTemplate } from '../pull/failures.js';
import { gitFacts, imageName, type TagMode, withTag } from './image-name.js';
import { LayerPlanner, type Layers, type Part } from './layers.js';
import {
  hasFolder,
  isTemplateName,
  type LocalTemplate,
  overlay,
  readExtras,
  readTemplate,
} from './overlay.js';
import { wildcard } from './shell-pattern.js';
import { SourceDigester } from './source.js';
import { parseStack, type Stack, type StackFunction } from './stack-file.js';

export interface PlanOptions {
  /** The stack.yaml, relative to `folder`. */
  readonly file: string;
  /** Base folder of templates, handlers and extra paths. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly envsubst: boolean;
  readonly filter?: string | undefined;
  readonly regex?: string | undefined;
  readonly tag: TagMode;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly buildOptions: readonly string[];
  readonly copy: readonly string[];
  /** Overrides the platforms of the functions. */
  readonly platforms?: readonly string[] | undefined;
  /** Options for all functions. */
  readonly options: RequestedOptions;
  /** Further tags for the image of each function. */
  readonly extraTags: readonly string[];
  /** Fetches missing templates into `./template`, or throws. */
  readonly pull: (missing: readonly MissingTemplate[]) => Promise<void>;
}

/** A function that is ready to be built, with its build context. */
export interface PlannedFunction extends Part {
  /** The name in the stack.yaml. */
  readonly name: string;
  /** `name`, or `namespace/name`. */
  readonly function: string;
  readonly image: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  readonly tags: readonly string[] | undefined;
  readonly options: RequestedOptions;
  /** The context in two parts. A context that is not split is uploaded whole. */
  readonly layers: Layers | undefined;
  /** Names of build secrets with their files, relative to the folder. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface Plan {
  readonly functions: readonly PlannedFunction[];
  /** Names of functions with `skip_build`. */
  readonly skipped: readonly string[];
}

/** Reads a stack.yaml and all its files, and returns the builds. Sends nothing, and writes only missing templates. */
export async function planStack(options: PlanOptions): Promise<Plan> {
  const { folder } = options;
  const stack = parseStack({ ...options, text: await readStackFile(options) });
  const chosen = choose(stack, options);
  const copy = await readExtras({ folder, paths: mergeLists(stack.copy, options.copy) });
  const templates = await readTemplates({ stack, chosen, folder, pull: options.pull });
  const packages = chosen.map((fn) =>
    packagesOf({
      fn,
      template: templates.get(fn.lang),
      options: mergeLists(fn.buildOptions, options.buildOptions),
    }),
  );
  const git = gitFacts(folder);
  const digester = new SourceDigester();
  const planner = new LayerPlanner(digester);
  const functions = await mapInOrder(chosen, async (fn, index): Promise<PlannedFunction> => {
    const template = fn.lang === 'dockerfile' ? undefined : templates.get(fn.lang);
    const lay = () => overlay({ fn, template, copy, folder });
    const wanted = overOptions(fn.own.options, options.options);
    const tree = await lay();
    const { dockerfile = 'Dockerfile' } = wanted;
    if (!dockerfileNames(dockerfile).some((path) => tree.mayHaveFile(path))) {
      throw refusal(`the function '${fn.name}': its build context has no ${dockerfile}`);
    }
    const handler = `${folder}/${fn.handler}`;
    const image = await imageName({ image: fn.image, mode: options.tag, handler, git });
    const tags = furtherTags(
      image,
      [...fn.own.tags, ...options.extraTags].map((tag) => (isTagAlone(tag) ? withTag(image, tag) : tag)),
    );
    checked('tags', tags ?? [], (fault) => {
      throw refusal(`the function '${fn.name}': its tags cannot be used: ${fault}`);
    });
    return {
      name: fn.name,
      function: fn.namespace === undefined ? fn.name : `${fn.namespace}/${fn.name}`,
      image,
      tags,
      options: wanted,
      buildArgs: buildArguments({
        own: fn.buildArgs,
        given: options.buildArgs,
        packages: packages[index] ?? [],
      }),
      platforms: options.platforms ?? fn.platforms,
      tree: lay,
      source: await digester.describe(tree),
      layers: await planner.split({ fn, template, copy, folder }),
      secrets: fn.buildSecrets,
    };
  });
  return { functions, skipped: stack.skipped };
}

const refusal = (message: string, remedy?: string): CommandError =>
  new CommandError({ message, ...(remedy && { remedy }), exitCode: exitCodes.usage });

/** Returns the text of a stack file. Throws a `CommandError` when it is missing. */
export async function readStackFile({ file, folder }: Pick<PlanOptions, 'file' | 'folder'>): Promise<string> {
  if (/^[a-z]+:\/\//i.test(file)) {
    throw refusal(
      `${file} is not a file of this machine`,
      'Fetch it first, with its handlers and templates.',
    );
  }
  try {
    return await readFile(file.startsWith('/') ? file : `${folder}/${file}`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw refusal(
      `the file ${file} was not found`,
      'Name the stack file with -f, from the folder that it is used in.',
    );
  }
}

function choose(stack: Stack, { file, filter, regex }: PlanOptions): readonly StackFunction[] {
  if (filter !== undefined && regex !== undefined) throw refusal('give --filter or --regex, not both');
  const pattern =
    filter !== undefined ? wildcard(filter) : regex !== undefined ? parseRegex(regex) : undefined;
  const chosen = pattern ? stack.functions.filter(({ name }) => pattern.test(name)) : stack.functions;
  if (chosen.length > 0) return chosen;
  if (pattern)
    throw refusal(`no function of ${file} matches the ${filter === undefined ? 'regex' : 'filter'}`);
  throw refusal(`${file} has no function to build`);
}

/** Compiles a regex in Go's syntax, which has flags in front, as in `(?i)`. JavaScript has them beside the pattern. */
function parseRegex(text: string): RegExp {
  const [, flags = '', rest = text] = /^\(\?([ims]+)\)(.*)$/s.exec(text) ?? [];
  try {
    return new RegExp(rest, `${flags}u`);
  } catch (error) {
    throw refusal(`--regex: ${(error as Error).message}`);
  }
}

interface ReadTemplates extends Pick<PlanOptions, 'folder' | 'pull'> {
  readonly stack: Stack;
  readonly chosen: readonly StackFunction[];
}

async function readTemplates({ stack, chosen, folder, pull }: ReadTemplates) {
  const langs = [...new Set(chosen.map(({ lang }) => lang))];
  const missing: MissingTemplate[] = [];
  for (const lang of langs) {
    if (!isTemplateName(lang))
      throw noTemplate(lang, `Write lang as in ./template: ${lang.split('/').pop()}`);
    if (lang === 'dockerfile' || (await hasFolder({ folder, lang }))) continue;
    const functions = chosen.filter((fn) => fn.lang === lang).map(({ name }) => name);
    missing.push({ lang, functions, source: templateSource(stack, lang) });
  }
  if (missing.length > 0) await pull(missing);
  const templates = new Map<string, LocalTemplate>();
  for (const lang of langs) {
    const template = await readTemplate({ folder, lang });
    if (template) templates.set(lang, template);
    else if (lang !== 'dockerfile') {
      throw noTemplate(lang, `Put one into ./template/${lang}, or remove the folder to have it fetched.`);
    }
  }
  return templates;
}

/** Returns the source in the stack for exactly this template. */
export const templateSource = ({ templates }: Stack, lang: string): string | undefined =>
  templates.find(({ name }) => name === lang)?.source || undefined;

const noTemplate = (lang: string, remedy: string): CommandError =>
  refusal(`there is no template '${lang}' in ./template, with a template.yml in it`, remedy);

interface PackagesOf {
  readonly fn: StackFunction;
  readonly template: LocalTemplate | undefined;
  readonly options: readonly string[];
}

function packagesOf({ fn, template, options }: PackagesOf): string[] {
  return options.flatMap((name) => {
    const packages = template?.buildOptions.get(name);
    if (packages) return packages;
    const known = [...(template?.buildOptions.keys() ?? [])].join(', ') || 'none';
    throw refusal(
      `the function '${fn.name}': the template '${fn.lang}' has no build option '${name}'`,
      `It has: ${known}.`,
    );
  });
}

/** Returns the same as `Promise.all` over `map`, with limited concurrency, because each call may open many files. */
export async function mapInOrder<T, U>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<U>,
  atOnce = 8,
): Promise<U[]> {
  const results: U[] = [];
  const waiting = items.entries();
  const run = async () => {
    for (const [index, item] of waiting) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, run));
  return results;
}

const packagesArgument = 'ADDITIONAL_PACKAGE';

interface BuildArguments {
  /** Build arguments of the stack.yaml. */
  readonly own: Readonly<Record<string, string>>;
  /** Build arguments of the command line, which win. */
  readonly given: Readonly<Record<string, string>>;
  /** Packages of the chosen build options. */
  readonly packages: readonly string[];
}

/**
 * Returns the build arguments of a function as `faas-cli` does: ADDITIONAL_PACKAGE is always set, and holds the packages of
 * the build options and the given packages, sorted and without duplicates.
 */
export function buildArguments({ own, given, packages }: BuildArguments): Record<string, string> {
  const merged = { ...own, ...given };
  const more = (merged[packagesArgument] ?? '').split(' ').map((name) => name.trim());
  const all = new Set([...packages, ...more].filter((name) => name !== ''));
  return { ...merged, [packagesArgument]: [...all].sort().join(' ') };
}

/** Merges lists as `faas-cli` does: the command line's items, then the file's other items. */
export const mergeLists = (own: readonly string[], given: readonly string[]): string[] => [
  ...given,
  ...own.filter((each) => !given.includes(each)),
];
