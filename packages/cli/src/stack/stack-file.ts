import { normalPlatform, parsePlatform, platformRule, repeatedPlatform } from '@slipway/shared/platforms';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import {
  type FieldReader,
  fieldOf,
  itemsOf,
  type Node,
  parseYaml,
  type Refuse,
  readerOf,
  textOf,
} from './fields.js';
import { type OwnOptions, readOwnOptions } from './own-options.js';
import { SubstitutionError, substitute } from './substitute.js';

/** The fields of a function in a stack.yaml that a build needs. */
export interface StackFunction {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly lang: string;
  readonly handler: string;
  readonly image: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly buildOptions: readonly string[];
  readonly platforms: readonly string[];
  /** Names of build secrets with their files. */
  readonly buildSecrets: Readonly<Record<string, string>>;
  readonly own: OwnOptions;
}

export interface Stack {
  /** Functions in the order of the file, without those with `skip_build`. */
  readonly functions: readonly StackFunction[];
  /** Names of functions with `skip_build`. */
  readonly skipped: readonly string[];
  /** `configuration.copy`: paths to copy beside every handler. */
  readonly copy: readonly string[];
  /** `configuration.templates`: sources of missing templates. */
  readonly templates: readonly { readonly name: string; readonly source: string | undefined }[];
}

interface ParseOptions {
  readonly text: string;
  /** Name of the file in messages. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True replaces `${VAR}` first. */
  readonly envsubst: boolean;
}

/** Parses an OpenFaaS stack.yaml as `faas-cli` does. Throws `CommandError` also for a file that `faas-cli` refuses. */
export function parseStack({ text, file, env, envsubst }: ParseOptions): Stack {
  const refuse: Refuse = (message, line) => {
    const place = line === undefined ? file : `${file}: line ${line}`;
    throw new CommandError({ message: `${place}: ${message}`, exitCode: exitCodes.usage });
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
  const top = readerOf(root, refuse);
  for (const name of top.inner('functions').names) {
    const fn = readerOf(fieldOf(root, 'functions', name), (message, line) =>
      refuse(`the function '${name}': ${message}`, line),
    );
    if (fn.truth('skip_build')) skipped.push(name);
    else functions.push(functionOf({ name, fn, refuse }));
  }
  return {
    functions,
    skipped,
    copy: top.inner('configuration').list('copy'),
    templates: itemsOf(fieldOf(root, 'configuration', 'templates')).map((each) => ({
      name: textOf(fieldOf(each, 'name')) ?? '',
      source: textOf(fieldOf(each, 'source')),
    })),
  };
}

/** The fields of a template.yml. */
export interface TemplateFile {
  /** Folder of the handler in the context. */
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
    // The first of two entries with the same name wins.
    buildOptions: new Map(options.reverse()),
  };
}

function substituted(text: string, env: ParseOptions['env'], refuse: Refuse): string {
  try {
    return substitute(text, (name) => env[name]);
  } catch (error) {
    if (!(error instanceof SubstitutionError)) throw error;
    return refuse(`${error.message} (--no-envsubst leaves them alone)`);
  }
}

const listOf = (node: Node): string[] => itemsOf(node).map((item) => textOf(item) ?? '');

function platformsOf(text: string | undefined, refuse: Refuse): string[] {
  const spelled = (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const odd = spelled.find((platform) => parsePlatform(platform) === undefined);
  if (odd !== undefined) refuse(`${JSON.stringify(odd)} ${platformRule}`);
  const repeated = repeatedPlatform(spelled);
  if (repeated !== undefined) refuse(repeated);
  return spelled.map(normalPlatform);
}

interface FunctionOf {
  readonly name: string;
  readonly fn: FieldReader;
  readonly refuse: Refuse;
}

function functionOf({ name, fn, refuse }: FunctionOf): StackFunction {
  const need = (field: string): string => fn.text(field) || refuse(`the function '${name}' has no ${field}`);
  const lang = need('lang');
  return {
    name,
    namespace: fn.text('namespace') || undefined,
    lang: lang === 'Dockerfile' ? 'dockerfile' : lang,
    handler: need('handler'),
    image: need('image'),
    buildArgs: fn.texts('build_args'),
    buildOptions: fn.list('build_options'),
    platforms: platformsOf(fn.text('platforms'), (message) => fn.refuse('platforms', message)),
    buildSecrets: fn.texts('build_secrets'),
    own: readOwnOptions(fn),
  };
}
