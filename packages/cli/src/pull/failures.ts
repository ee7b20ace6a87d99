import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { TemplateRefused } from './refusals.js';

/** A template that a stack needs and `./template` lacks. */
export interface MissingTemplate {
  /** The template's name, with its pinned ref if there is one. */
  readonly lang: string;
  /** Names of the functions; empty when only the template is needed. */
  readonly functions: readonly string[];
  /** Source in `configuration.templates`; undefined for a template of the template store. */
  readonly source: string | undefined;
}

const namedAtMost = 3;

/** Names the template and its functions for a message. */
export function usersOf({ lang, functions }: MissingTemplate): string {
  if (functions.length === 0) return `the template '${lang}'`;
  const names = functions.slice(0, namedAtMost).map((name) => `'${name}'`);
  const more = functions.length - names.length;
  const rest = more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
  return `the template '${lang}' of the ${functions.length === 1 ? 'function' : 'functions'} ${rest}`;
}

/** Remedies by error code. */
const remedies: Partial<Record<ErrorCode, string>> = {
  git_unauthorized:
    'Give git credentials for this host, by a credential helper, an ssh-agent or the git configuration of CI: `git ls-remote` must work without asking.',
  git_ref_not_found:
    'Correct what follows # in configuration.templates, or @ in lang: a branch, a tag, or sha- and 7 to 40 digits of a commit.',
  git_host_key_unknown:
    'Add the host key to your known_hosts: connect once with ssh, or use `ssh-keyscan` and compare the key with the one that the server publishes.',
  git_timed_out: 'Try again, or put the template into ./template yourself.',
  source_too_large: 'Put the template into ./template yourself, or into a repository of its own.',
};
const messages: Partial<Record<ErrorCode, string>> = {
  git_unauthorized: 'git has no credentials for it, or wrong ones',
  git_host_key_unknown: 'ssh does not know the host key that the server shows',
};
const otherRemedy = 'Check the URL and the network: `git ls-remote` with this URL shows the error of git.';

interface Failed {
  /** The repository with its ref, as users write it. */
  readonly source: string;
  readonly templates: readonly MissingTemplate[];
}

/** Returns a failed fetch as an error for the user, and any other error unchanged. */
export function asCommandError(error: unknown, { source, templates }: Failed): unknown {
  const what = templates.map(usersOf).join('; ');
  if (error instanceof TemplateRefused) {
    return new CommandError({
      message: `${what} cannot be taken from ${source}: it ${error.message}`,
      remedy: 'Correct it in the repository, or put the template into ./template yourself.',
      exitCode: exitCodes.usage,
    });
  }
  if (!(error instanceof SlipwayError)) return error;
  const { code, message } = error;
  return new CommandError({
    message: `${what} cannot be fetched from ${source}: ${messages[code] ?? message.replace(/\.$/, '')}`,
    remedy: remedies[code] ?? otherRemedy,
    exitCode: code === 'git_ref_not_found' ? exitCodes.usage : exitCodes.failed,
  });
}

/** Refuses to fetch: throws an error that lists the missing templates and their sources. */
export function refusePull(missing: readonly MissingTemplate[]): never {
  const each = missing.map(
    (template) => `  ${usersOf(template)}, from ${template.source ?? 'the template store'}`,
  );
  throw new CommandError({
    message: ['./template lacks templates, and --no-pull forbids fetching them', ...each].join('\n'),
    remedy: 'Leave out --no-pull, or fetch the templates first, as with `faas-cli template pull stack`.',
    exitCode: exitCodes.usage,
  });
}

export function wrongSource(template: MissingTemplate, text: string, what: string): CommandError {
  return new CommandError({
    message: `${usersOf(template)}: its source ${text} ${what}`,
    remedy:
      'Correct configuration.templates, or the list of the template store: a URL of git, with # and a branch, tag or sha-….',
    exitCode: exitCodes.usage,
  });
}

interface NotInStore {
  readonly storeUrl: string;
  /** Names of all templates in the store. */
  readonly names: readonly string[];
}

export function notInStore(template: MissingTemplate, { storeUrl, names }: NotInStore): CommandError {
  const near = names.filter((name) => name.startsWith(template.lang.slice(0, 4))).slice(0, 5);
  const hint = near.length > 0 ? ` It has ${near.join(', ')}.` : '';
  return new CommandError({
    message: `${usersOf(template)} is neither in ./template nor in configuration.templates nor in the template store ${storeUrl}`,
    remedy: `Correct lang, or name the source of the template in configuration.templates.${hint}`,
    exitCode: exitCodes.usage,
  });
}

export function withoutGit(templates: readonly MissingTemplate[], source: string): CommandError {
  return new CommandError({
    message: `${templates.map(usersOf).join('; ')} cannot be fetched from ${source}: git is not installed`,
    remedy: 'Install git, or put the template into ./template yourself.',
    exitCode: exitCodes.failed,
  });
}

export function notInRepository(
  template: MissingTemplate,
  source: string,
  found: readonly string[],
): CommandError {
  const has = found.length === 0 ? 'no template' : `the templates ${found.join(', ')}`;
  return new CommandError({
    message: `${usersOf(template)} is not in ${source}, which has ${has}`,
    remedy: 'Correct lang, or the source of the template in configuration.templates.',
    exitCode: exitCodes.usage,
  });
}
