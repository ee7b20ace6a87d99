import { normalPlatform, parsePlatform, platformRule, repeatedPlatform } from '@slipway/shared/platforms';
import { type Document, isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { SubstitutionError, substitute } from './substitute.js';

/** One function of a stack.yaml, as far as a build needs it. */
export interface StackFunction {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly lang: string;
  readonly handler: string;
  readonly image: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly buildOptions: readonly string[];
  readonly platforms: readonly string[];
  /** Names, each with the file that holds the secret. */
  readonly buildSecrets: Readonly<Record<string, string>>;
}

export interface Stack {
  /** In the order of the file, without those that have `skip_build`. */
  readonly functions: readonly StackFunction[];
  /** Of those that have it. */
  readonly skipped: readonly string[];
  /** `configuration.copy`: paths that are copied beside every handler. */
  readonly copy: readonly string[];
  /** `configuration.templates`: where a template that is not here may be had. */
  readonly templates: readonly { readonly name: string; readonly source: string | undefined }[];
}

interface ParseOptions {
  readonly text: string;
  /** What the file is called in messages. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether `${VAR}` is replaced first. */
  readonly envsubst: boolean;
}

/** Reads the text of an OpenFaaS stack.yaml as `faas-cli` does. Throws `CommandError` for what it refuses, too. */
export function parseStack({ text, file, env, envsubst }: ParseOptions): Stack {
  const refuse = (message: string): never => {
    throw new CommandError({ message: `${file}: ${message}`, exitCode: exitCodes.usage });
  };
  const root = parseYaml(envsubst ? substituted(text, env, refuse) : text, refuse);
  const provider = textOf(fieldOf(root, 'provider', 'name')) ?? '';
  if (provider !== 'openfaas') {
    refuse(`provider.name is '${provider}', and must be 'openfaas': is it an OpenFaaS stack file?`);
  }
  const version = textOf(fieldOf(root, 'version'));
  if (version !== undefined && version !== '1.0') refuse(`version is ${version}, and must be 1.0`);
  const functions: StackFunction[] = [];
  const skipped: string[] = [];
  for (const [name, value] of entriesOf(fieldOf(root, 'functions'))) {
    if (isTrue(fieldOf(value, 'skip_build'))) skipped.push(name);
    else functions.push(functionOf(name, value, refuse));
  }
  return {
    functions,
    skipped,
    copy: listOf(fieldOf(root, 'configuration', 'copy')),
    templates: itemsOf(fieldOf(root, 'configuration', 'templates')).map((each) => ({
      name: textOf(fieldOf(each, 'name')) ?? '',
      source: textOf(fieldOf(each, 'source')),
    })),
  };
}

/** What a template says of itself in its template.yml. */
export interface TemplateFile {
  /** Where the handler is laid. */
  readonly handlerFolder: string;
  readonly buildOptions: ReadonlyMap<string, readonly string[]>;
}

export function parseTemplateFile({ text, file }: { text: string; file: string }): TemplateFile {
  const root = parseYaml(text, (message) => {
    throw new CommandError({ message: `${file}: ${message}`, exitCode: exitCodes.usage });
  });
  const options = itemsOf(fieldOf(root, 'build_options')).map(
    (each) => [textOf(fieldOf(each, 'name')) ?? '', listOf(fieldOf(each, 'packages'))] as const,
  );
  return {
    handlerFolder: textOf(fieldOf(root, 'handler_folder')) || 'function',
    // Of two with one name, the first counts.
    buildOptions: new Map(options.reverse()),
  };
}

type Refuse = (message: string) => never;

function substituted(text: string, env: ParseOptions['env'], refuse: Refuse): string {
  try {
    return substitute(text, (name) => env[name]);
  } catch (error) {
    if (!(error instanceof SubstitutionError)) throw error;
    return refuse(`${error.message} (--no-envsubst leaves them alone)`);
  }
}

/** The first document, with every scalar as the text that was written: `1.10` is not `1.1`, as it is for `faas-cli`. */
function parseYaml(text: string, refuse: Refuse): Node {
  const [document] = parseAllDocuments(text, { schema: 'failsafe', uniqueKeys: true });
  const parsed = document as Document | undefined;
  const problem = parsed?.errors[0];
  if (problem) refuse(problem.message.split('\n')[0]?.replace(/:$/, '') ?? problem.code);
  return resolve(parsed?.contents, parsed);
}

type Node = string | undefined | readonly Node[] | ReadonlyMap<string, Node>;

/** Aliases and merge keys followed; an empty plain scalar, `~` and `null` are nothing. */
function resolve(node: unknown, document: Document | undefined, depth = 0): Node {
  if (depth > 100 || !document) return undefined;
  if (isAlias(node)) return resolve(node.resolve(document), document, depth + 1);
  if (isScalar(node)) {
    const value = String(node.value ?? '');
    return node.type === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(value) ? undefined : value;
  }
  if (isSeq(node)) return node.items.map((item) => resolve(item, document, depth + 1));
  if (!isMap(node)) return undefined;
  const own = new Map<string, Node>();
  const merged = new Map<string, Node>();
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : textOf(resolve(key, document, depth + 1));
    const resolved = resolve(value, document, depth + 1);
    if (name === undefined) continue;
    if (name !== '<<') {
      own.set(name, resolved);
      continue;
    }
    for (const each of isList(resolved) ? resolved : [resolved]) {
      for (const [from, what] of entriesOf(each)) if (!merged.has(from)) merged.set(from, what);
    }
  }
  return new Map([...merged, ...own]);
}

const isList = (node: Node): node is readonly Node[] => Array.isArray(node);
const textOf = (node: Node): string | undefined => (typeof node === 'string' ? node : undefined);
const isTrue = (node: Node): boolean => /^(?:true|y|yes|on)$/i.test(textOf(node) ?? '');
const itemsOf = (node: Node): readonly Node[] => (isList(node) ? node : []);
const listOf = (node: Node): string[] => itemsOf(node).map((item) => textOf(item) ?? '');
const entriesOf = (node: Node): [string, Node][] => (node instanceof Map ? [...node] : []);

function fieldOf(node: Node, ...path: readonly string[]): Node {
  let found = node;
  for (const name of path) found = found instanceof Map ? found.get(name) : undefined;
  return found;
}

function platformsOf(text: string | undefined, refuse: Refuse): string[] {
  const spelled = (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const odd = spelled.find((platform) => parsePlatform(platform) === undefined);
  if (odd !== undefined) refuse(`${JSON.stringify(odd)} ${platformRule}`);
  const repeated = repeatedPlatform(spelled);
  if (repeated !== undefined) refuse(`it ${repeated}`);
  return spelled.map(normalPlatform);
}

function functionOf(name: string, value: Node, refuse: Refuse): StackFunction {
  const need = (field: string): string =>
    textOf(fieldOf(value, field)) || refuse(`the function '${name}' has no ${field}`);
  const lang = need('lang');
  return {
    name,
    namespace: textOf(fieldOf(value, 'namespace')) || undefined,
    lang: lang === 'Dockerfile' ? 'dockerfile' : lang,
    handler: need('handler'),
    image: need('image'),
    buildArgs: Object.fromEntries(
      entriesOf(fieldOf(value, 'build_args')).map(([arg, text]) => [arg, textOf(text) ?? '']),
    ),
    buildOptions: listOf(fieldOf(value, 'build_options')),
    platforms: platformsOf(textOf(fieldOf(value, 'platforms')), (message) =>
      refuse(`the platforms of the function '${name}': ${message}`),
    ),
    buildSecrets: Object.fromEntries(
      entriesOf(fieldOf(value, 'build_secrets')).map(([secret, path]) => [secret, textOf(path) ?? '']),
    ),
  };
}
